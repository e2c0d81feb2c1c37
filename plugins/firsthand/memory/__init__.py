"""What was written about weeks and videos: made from captions or frames, kept in one file, searched causally."""
