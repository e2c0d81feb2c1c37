"""A second small world: a wearer makes rounds in a ring of six rooms, turning the head and reaching for things."""
