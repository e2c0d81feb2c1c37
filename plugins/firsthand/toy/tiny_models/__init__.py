"""Tiny models that train in minutes."""
