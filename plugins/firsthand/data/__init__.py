"""The row models and their writers."""
