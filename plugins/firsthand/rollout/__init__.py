"""The one prompt renderer."""
