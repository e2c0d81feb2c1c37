"""What training and test share, and the guard that keeps it out."""
