"""firsthand: post-training of egocentric-video reasoning models on LLaMA-Factory and veRL.

Importing the package imports nothing else: every framework is imported by the function that needs it.
"""

__version__ = "0.1.0"
