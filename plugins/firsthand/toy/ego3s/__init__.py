"""The toy week for Ego3S: every question with a clip, every row with its region, a teacher that names objects."""
