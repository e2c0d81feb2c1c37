"""Releases of data sets become rows."""
