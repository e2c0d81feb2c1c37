"""The synthetic egocentric week and the tiny models that make every recipe run in minutes on a CPU."""
