"""Models and data sets on their way to a hub: a card with results, the files that go, and the hub's own command."""
