"""Checks of a veRL recipe."""
