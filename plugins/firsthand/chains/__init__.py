"""Chains of tool calls: a teacher writes them, rules keep the good ones, converters turn them into training rows."""
