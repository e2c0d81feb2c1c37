"""Converters, one per release."""
