"""Files for the servers that alone know a benchmark's answers; EgoCross's is filled by `evals/egocross`."""
