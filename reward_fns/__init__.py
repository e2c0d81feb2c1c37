"""Reward functions: named parts under fixed keys, loadable by path from a veRL recipe."""
