"""One converter a release."""
