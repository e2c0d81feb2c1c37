"""Whether a recipe fits on a machine: what each part of it takes, by arithmetic that is tested against real steps."""
