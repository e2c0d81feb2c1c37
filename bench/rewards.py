"""Time of the rule rewards: a mix of answers as Video-R1-260k has them, and each type alone. A judge is not measured.

    python bench/rewards.py [--samples 4096]

Texts are made here: a thought of 120 words and an answer, one in three of them right. Beside them, on the same texts
and in the same run: veRL's own reward for geometry (form and answer, by mathruler), and the libraries alone on the
answers (rouge-score as it splits and stems by itself, jiwer). Compare the ratios: other work on the machine changes
times.
"""

import argparse
import random
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from firsthand.reward_fns import by_type, video_r1

ROWS = {"multiple choice": 168_769, "numerical": 34_354, "free-form": 38_722, "OCR": 15_886, "regression": 5_340}
EXTRA = ("math", "temporal grounding", "spatial grounding")  # types that Video-R1 does not have
WORDS = [f"{first}{second}" for first in ("walk", "cup", "open", "shelf", "look") for second in ("", "s", "ed", "ing")]
WORDS += [f"{a}{b}{c}ing" for a in "bdfgklmn" for b in "aeiou" for c in "bdfgklmnprst"]
Given = dict[str, Any]


def answer(kind: str, rng: random.Random) -> str:
    match kind:
        case "multiple choice":
            return rng.choice("ABCD")
        case "numerical" | "regression":
            return f"{rng.uniform(0, 500):.{rng.choice((0, 1, 2))}f}"
        case "temporal grounding":
            start = rng.uniform(0, 100)
            return f"{start:.1f}-{start + rng.uniform(1, 20):.1f}"
        case "spatial grounding":
            return str([0, 0, rng.randint(1, 900), rng.randint(1, 900)])
        case "math":
            return rf"\frac{{{rng.randint(1, 99)}}}{{{rng.randint(1, 99)}}}"
    return " ".join(rng.choices(WORDS, k=rng.randint(3, 25 if kind == "free-form" else 10)))


def sample(kind: str, rng: random.Random) -> Given:
    gold = answer(kind, rng)
    said = gold if rng.random() < 1 / 3 else answer(kind, rng)
    text = f"<think>{' '.join(rng.choices(WORDS, k=120))}</think>\n<answer>{said}</answer>"
    info = {"problem_type": kind, "letters": "ABCD" if kind == "multiple choice" else ""}
    return {"data_source": "bench", "solution_str": text, "ground_truth": gold, "extra_info": info, "said": said}


def timed(function: Callable[[Given], Any], given: list[Given]) -> tuple[float, float, float]:
    """Microseconds of a sample at the median, seconds of all, and seconds of our processor time."""
    each, worked = [], time.process_time()
    for one in given:
        began = time.perf_counter()
        function(one)
        each.append(time.perf_counter() - began)
    return median(each) * 1e6, sum(each), time.process_time() - worked


def reward(module: Any, **options: Any) -> Callable[[Given], Any]:
    def call(given: Given) -> Any:
        names = ("data_source", "solution_str", "ground_truth", "extra_info")
        return module.compute_score(**{name: given[name] for name in names}, **options)

    return call


def geometry_of_verl() -> Callable[[Given], Any] | None:
    try:
        from verl.utils.reward_score.geo3k import compute_score
    except ImportError:
        return None
    return lambda given: compute_score(given["solution_str"], given["ground_truth"])


def libraries() -> dict[str, Callable[[Given], Any]]:
    import jiwer
    from rouge_score.rouge_scorer import RougeScorer

    rouge = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    return {
        "free-form": lambda given: rouge.score(given["ground_truth"], given["said"]),
        "OCR": lambda given: jiwer.wer(given["ground_truth"], given["said"]),
    }


def show(name: str, found: tuple[float, float, float], count: int) -> None:
    each, clock, cpu = found
    print(f"{name:<40}{each:9.1f} us at the median{clock:9.3f} s for {count:,} (processor {cpu:.3f} s)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=4096)
    count, rng = parser.parse_args().samples, random.Random(0)
    mixed = [sample(kind, rng) for kind in rng.choices(list(ROWS), list(ROWS.values()), k=count)]
    strict, alone = reward(by_type), libraries()
    for kind in (*ROWS, *EXTRA):  # imports and the child of the formulas are not a sample's time
        strict(sample(kind, rng))
    ours = timed(strict, mixed)
    show("mix of Video-R1-260k, strict", ours, count)
    show("the same, Video-R1's published reading", timed(reward(video_r1, preset="released"), mixed), count)
    if verl := geometry_of_verl():
        theirs = timed(verl, mixed)
        show("the same texts, veRL's geo3k reward", theirs, count)
        print(f"ratio to veRL's: {ours[0] / theirs[0]:.2f} at the median, {ours[1] / theirs[1]:.2f} of all")
    for kind in (*ROWS, *EXTRA):
        number = min(count, 300)
        given = [sample(kind, rng) for _ in range(number)]
        found = timed(strict, given)
        show(f"  {kind}", found, number)
        if kind in alone:
            library = timed(alone[kind], given)
            show("    the library alone", library, number)
            print(f"    ratio: {found[1] / library[1]:.2f}")


if __name__ == "__main__":
    main()
