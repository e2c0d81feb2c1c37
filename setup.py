"""Finds the packages below plugins/; the rewards live beside it, where a veRL recipe loads them by path."""

from setuptools import find_packages, setup

setup(packages=[*find_packages("plugins"), "firsthand.reward_fns"])
