"""Finders of interaction regions, how good they are, and what grounding rewards read of them."""
