"""A reward that a random model's answers differ in, so that one step already moves the weights."""


def compute_score(data_source, solution_str, ground_truth, extra_info):
    return {"score": len(solution_str) % 7 / 6, "length": float(len(solution_str))}
