"""EgoAgent: one transformer that represents what is seen, predicts what will be seen, and predicts the body's pose."""
