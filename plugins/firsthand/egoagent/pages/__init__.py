"""The page of a run: its curves, and what it expects to see and to do next."""
