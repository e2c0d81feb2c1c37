"""A benchmark as a task folder of lmms-eval, which runs there without firsthand."""
