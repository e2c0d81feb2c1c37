"""What is trained on next, while the policy changes: probes, gates, samplers, and the loop that swaps the data."""
