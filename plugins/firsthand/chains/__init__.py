"""Chains of tool calls: a teacher writes them, rules keep the good ones, converters make training rows of them."""
