"""Checks of a machine and a recipe before GPUs are booked."""
