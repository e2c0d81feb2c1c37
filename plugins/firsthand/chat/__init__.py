"""A conversation in the terminal with an agent, its tools and a week of video."""
