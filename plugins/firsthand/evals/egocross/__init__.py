"""EgoCross: its owners' files and the file that they score."""
