"""Export with verification, vLLM serving."""
