"""Data sets as their owners ship them, read, checked, built into rows and registered."""
