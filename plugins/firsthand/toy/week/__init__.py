"""The synthetic week and its proofs."""
