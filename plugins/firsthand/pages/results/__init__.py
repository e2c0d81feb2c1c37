"""The page of benchmark runs: scores with intervals beside chance, comparisons, and every question with its answers."""
