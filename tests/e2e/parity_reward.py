"""A reward in whose parts a random model's answers differ, on frames in any order."""


def compute_score(data_source, solution_str, ground_truth, extra_info):
    return {"score": len(solution_str) % 7 / 6, "accuracy": float(len(solution_str) % 2)}
