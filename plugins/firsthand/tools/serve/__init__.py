"""The tools over HTTP and MCP."""
