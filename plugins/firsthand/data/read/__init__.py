"""Reads the rows of a data file, whatever form they have."""
