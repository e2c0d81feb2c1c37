"""Tools over week-long video: one protocol, one guarded way to call them, adapters for veRL, HTTP and MCP."""
