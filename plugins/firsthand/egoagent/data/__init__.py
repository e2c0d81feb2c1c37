"""Real data for EgoAgent: frames of WalkingTours, poses and frames of Ego-Exo4D, and shards that are read in order."""
