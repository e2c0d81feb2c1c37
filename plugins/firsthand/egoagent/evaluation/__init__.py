"""What a trained EgoAgent knows: kNN of its features, the next state found again, the motion that comes, each beside
what is known without it."""
