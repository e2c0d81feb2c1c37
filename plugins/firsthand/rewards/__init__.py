"""Reward functions of recipes, tried on rows and on texts without a model."""
