"""Training EgoAgent: plain Accelerate, in which a batch and every schedule are functions of the step."""
