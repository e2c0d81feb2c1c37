"""What sequential stopping saves: samples, tokens and time against all samples of three conditions, and its decisions.

    python bench/selection.py [--rows 2000] [--seeds 3]
    python bench/selection.py --recipe recipes/ego3s/tiny_select.yaml [--risk 0.01]

The first draws rewards instead of asking a model: rows of four kinds in the shares of a pool that is mostly solvable
blind, right with the probabilities that were measured on the toy week, the same draw in all conditions with
probability 0.7. That is honest for numbers of samples and for decisions. Tokens follow from those of a question: on the
toy week, and of a long video, with nothing cached.

The second asks the servers of a recipe, twice, into folders of their own: first stopping early, then with all samples,
which finds nothing of the first. It compares tokens as the server counts them (a prompt that comes again counts again,
though prefix caching computes less), and decisions row by row, with a Wilson interval.
"""

import argparse
import random
import tempfile
from pathlib import Path

from firsthand.evals.score import wilson
from firsthand.selection.recipe import Recipe
from firsthand.selection.rules import CONDITIONS, Condition, Rules, Scores, Seen
from firsthand.selection.run import run
from firsthand.selection.stopping import Planner, chances
from firsthand.tools.settings import read_as

KINDS: dict[str, tuple[float, dict[Condition, float]]] = {  # share of the pool; right blind, in full, masked
    "prior": (0.6, {"blind": 0.87, "full": 0.87, "masked": 0.87}),
    "scene": (0.2, {"blind": 0.24, "full": 0.96, "masked": 0.95}),
    "interaction": (0.1, {"blind": 0.20, "full": 0.90, "masked": 0.21}),
    "memory": (0.1, {"blind": 0.15, "full": 0.21, "masked": 0.28}),
}
COMMON, FORM = 0.7, 0.97
TOKENS: dict[str, tuple[dict[Condition, int], int]] = {  # of the prompts, and of an answer
    "toy": ({"blind": 67, "full": 107, "masked": 107}, 24),
    "long": ({"blind": 100, "full": 5000, "masked": 5000}, 300),
}


def drawn(right: dict[Condition, float], samples: int, rng: random.Random) -> Scores:
    scores: Scores = {condition: Seen() for condition in CONDITIONS}
    for _ in range(samples):
        shared = rng.random()
        for condition in CONDITIONS:
            chance = shared if rng.random() < COMMON else rng.random()
            scores[condition].add(float(chance < right[condition]), float(rng.random() < FORM))
    return scores


def simulate(rules: Rules, rows: int, seed: int) -> dict[str, float]:
    rng, total = random.Random(seed), dict.fromkeys(("samples", "requests", "toy", "long", "same", "kept"), 0.0)
    for _ in range(rows):
        [kind] = rng.choices([*KINDS], [share for share, _ in KINDS.values()])
        whole = drawn(KINDS[kind][1], rules.samples, rng)
        planner, seen = Planner(rules, has_form=True), {condition: Seen() for condition in CONDITIONS}
        while wanted := planner.next(seen):
            condition, count = wanted
            for place in range(len(seen[condition]), len(seen[condition]) + count):
                seen[condition].add(whole[condition].accuracy[place], whole[condition].form[place])
            total["requests"] += 1
            total["samples"] += count
            for name, (prompt, answer) in TOKENS.items():
                total[name] += prompt[condition] + count * answer
        keep, drop = chances(seen, rules, None, True)
        total["same"] += (keep > drop) == (chances(whole, rules, None, True)[0] > 0.5)
        total["kept"] += keep > drop
    return total


def simulated(rows: int, seeds: int) -> None:
    print(f"{rows} rows x {seeds} seeds, rewards drawn; the published filters, M = 5")
    print(f"{'':18}{'samples':>9}{'requests':>9}{'toy':>7}{'long':>7}{'same':>24}{'kept':>7}")
    rules = {"all samples": Rules(risk=None), "exact": Rules(), "exact, whole": Rules(requests="whole")}
    rules |= {f"risk {risk}": Rules(risk=risk) for risk in (0.01, 0.02)}
    base: dict[str, float] = {}
    for name, one in rules.items():
        found = [simulate(one, rows, seed) for seed in range(seeds)]
        of = {key: sum(run[key] for run in found) / rows / seeds for key in found[0]}
        base = base or of
        low, high = wilson(of["same"] * rows * seeds, rows * seeds)
        tokens = "".join(f"{of[key] / base[key]:7.2f}" for key in TOKENS)
        same = f"{of['same']:.4f} [{low:.4f}, {high:.4f}]"
        print(f"{name:18}{of['samples']:9.2f}{of['requests']:9.2f}{tokens}{same:>24}{of['kept']:7.3f}")


def measured(path: Path, risk: float) -> None:
    recipe, found = read_as(Recipe, path), {}
    with tempfile.TemporaryDirectory() as folder:
        for name, value in (("stopping", risk), ("all samples", None)):
            method = recipe.method.model_copy(update={"risk": value})
            found[name] = run(recipe.model_copy(update={"out": Path(folder) / name, "method": method}))
    for name, result in found.items():
        summary = result.summary
        tokens = summary["prompt_tokens"] + summary["completion_tokens"]
        print(
            f"{name}: {summary['samples']} samples, {summary['requests']} requests, {summary['prompt_tokens']} + ",
            end="",
        )
        print(f"{summary['completion_tokens']} = {tokens} tokens, {summary['seconds']} s, {summary['kept']} kept")
    pairs = list(zip(found["stopping"].lines, found["all samples"].lines, strict=True))
    same = sum(one["kept"] == other["kept"] for one, other in pairs)
    low, high = wilson(same, len(pairs))
    print(f"the same decision: {same} of {len(pairs)} [{low:.3f}, {high:.3f}]")
    labels = sorted({line["label"] for line, _ in pairs})
    for label in labels:
        rows = [other for one, other in pairs if one["label"] == label]
        means = [sum(row[name] for row in rows if row[name] is not None) / len(rows) for name in CONDITIONS]
        kept = sum(row["kept"] for row in rows)
        said = "  ".join(f"{name} {mean:.2f}" for name, mean in zip(CONDITIONS, means, strict=True))
        print(f"{label or 'all':12} n {len(rows):4}  {said}  kept {kept}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--recipe", type=Path)
    parser.add_argument("--risk", type=float, default=0.0)
    asked = parser.parse_args()
    measured(asked.recipe, asked.risk) if asked.recipe else simulated(asked.rows, asked.seeds)


if __name__ == "__main__":
    main()
