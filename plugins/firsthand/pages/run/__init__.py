"""One HTML page of a run: curves, tools, and every trajectory turn by turn, from a file and without a server."""
