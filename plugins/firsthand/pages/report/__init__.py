"""One static HTML page from a run: curves, tables, traces with their frames."""
