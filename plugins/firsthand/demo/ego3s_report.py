"""What Ego3S measured on the toy week: rows that were kept, what each training learns and forgets, and its cost."""

import os
from collections import Counter
from pathlib import Path
from statistics import fmean
from typing import Any

from firsthand.demo.ego3s import FIRST, FURTHER, LATER, TEST, TRAININGS, WEEK
from firsthand.demo.measures import compared, validations
from firsthand.evals.rows import Gold, Prediction, read_rows
from firsthand.evals.score import Score, score, wilson
from firsthand.files import read_json, read_jsonl
from firsthand.pages.run.curves import read_verl_metrics

ASKED, SOLVABLE = "interaction", "prior"  # what a selection should keep, and what nobody needs to look for
CHANCE = 0.25  # four options; two on the order of frames, for who sees the rest
PAIRS = [("sft", "full"), ("sft", "ego3s"), ("full", "random"), ("random", "csm"), ("csm", "ego3s")]
AFTER = {name: "full" for name in ("limr", "greso")}  # choose by what another training saw, which is paid for too
TOKENS = "perf/total_num_tokens"
Said = dict[str, dict[str, Any]]  # id -> the rollout of a validation
Scores = dict[str, dict[int, Score]]  # training -> update -> what its validation scored


def content(run: Path) -> dict[str, Any]:
    gold = read_rows(TEST, Gold)
    further = [name for name in FURTHER if (run / name / "validation").is_dir()]
    asked = {name: _by_id(run / name) for name in (*TRAININGS, *further)}
    begun = asked["full"][0]
    asked = {name: {0: begun, **found} for name, found in asked.items()}
    last = {"sft": begun} | {name: found[max(found)] for name, found in asked.items()}
    answers = {name: _predictions(said) for name, said in last.items()}
    scores = {
        name: {step: score(name, _predictions(said), gold, by="label") for step, said in sorted(found.items())}
        for name, found in asked.items()
    }
    table = [score("sft", answers["sft"], gold, by="label"), *(by_step[max(by_step)] for by_step in scores.values())]
    costs = {name: _costs(run, name) for name in asked}
    pairs = [*PAIRS, *((name, "full" if name == "interaction_rewards" else "csm") for name in further)]
    return {
        **compared(table, answers, pairs, gold),
        "title": "Does it pay to choose the rows? Ego3S on the toy week",
        "subtitle": "one fine-tuned tiny Qwen3-VL, trained on all rows, on random ones, on those of counterfactual "
        "selection, and on those with interaction rewards and rows that change; a held-out person",
        "media_root": os.path.relpath(WEEK.resolve(), run.resolve()),
        "links": {
            "regions that the CLIP found, the least sure first": "regions.html",
            "the selection: histograms, reasons, examples": "select/csm/selection.html",
            "the same with true regions": "select/csm_true_regions/selection.html",
            "the curriculum: S, and which questions entered and left": "ego3s/curriculum/curriculum.html",
        },
        "tables": [
            _selected(run, further), _scores(run), _by_kind(answers, gold), _named(last, gold), _paid(scores, costs),
        ],
        "curves": _curves(scores, asked, gold),
        "costs": _over_costs(scores, costs),
        "trajectories": _trajectories(last),
        "notes": [
            "All trainings begin with the same model and share seed, learning rate and number of updates. Held-out "
            "questions are answered greedily in veRL's validation. Four options: chance is 25 %; the order of frames "
            "leaves two verbs, and memory questions cannot be answered from what is shown.",
            "A thing is named if the object block has the one in the hand, which the toy week knows.",
            "Tokens: prompts and answers of every request of the selection and of every rollout of a training; one "
            "that is trained on costs about three times one that is only read.",
        ],
    }  # fmt: skip


def _by_id(training: Path) -> dict[int, Said]:
    return {step: {row["facts"]["id"]: row for row in said} for step, said in validations(training).items()}


def _predictions(said: Said) -> dict[str, Prediction]:
    return {id: Prediction(id=id, output=row["text"]) for id, row in said.items()}


def _costs(run: Path, name: str) -> dict[int, int]:
    """Tokens from the first question on, by update; a selection comes before its first one."""
    summary = run / "select" / ("csm" if name == "ego3s" else name) / "summary.json"
    chosen = read_json(summary) if summary.is_file() else {}
    before = max(_costs(run, AFTER[name]).values()) if name in AFTER else 0
    logged = read_verl_metrics(sorted((run / name / "metrics").rglob("*.jsonl")), [])[TOKENS]
    total = {0: before + chosen.get("prompt_tokens", 0) + chosen.get("completion_tokens", 0)}
    for step in sorted(map(int, logged)):
        total[step] = total[step - 1] + int(logged[step]) + _probed(run / name / f"curriculum/asked/step_{step:06d}")
    return total


def _probed(folder: Path) -> int:
    """What a curriculum asked after a step."""
    lines = [line for path in folder.glob("generations/*.jsonl") for line in read_jsonl(path)]
    return sum(line.get("prompt_tokens", 0) + line.get("completion_tokens", 0) for line in lines)


def _selected(run: Path, trained: list[str]) -> dict[str, Any]:
    """Which labels were kept: of the selections, and of a draw. The oracle reads the labels."""
    rows = []
    later = [name for name in LATER if name in trained and name != "oracle"]
    for name in (*FIRST, *later):
        lines = [*read_jsonl(run / "select" / name / "ledger.jsonl")]
        kept, all_ = Counter(line["label"] for line in lines if line["kept"]), Counter(line["label"] for line in lines)
        right, left = kept[ASKED], all_[SOLVABLE] - kept[SOLVABLE]
        by_label = ", ".join(f"{label} {kept[label]}/{count}" for label, count in sorted(all_.items()))
        rows.append([
            name, f"{kept.total()}", by_label, _share(right, kept.total()), _share(right, all_[ASKED]),
            _share(left, all_.total() - kept.total()), _share(left, all_[SOLVABLE]),
        ])  # fmt: skip
    return {
        "title": "What the selections kept, against labels that they did not see",
        "head": [
            "rows", "kept", "of each label", f"precision: {ASKED} among kept", f"recall: {ASKED} kept",
            f"precision: {SOLVABLE} among dropped", f"recall: {SOLVABLE} dropped",
        ],
        "rows": rows,
        "note": "In %, with Wilson 95 % intervals. A video is needed for scene and order too, and the hands for order.",
    }  # fmt: skip


def _scores(run: Path) -> dict[str, Any]:
    """Of the samples that were drawn: rows whose decision stands are asked no further."""
    lines = [*read_jsonl(run / "select/csm/ledger.jsonl")]
    rows = []
    for label in sorted({line["label"] for line in lines}):
        own = [line for line in lines if line["label"] == label]
        means = [fmean(line[one] for line in own if line[one] is not None) for one in ("blind", "full", "masked")]
        reasons = Counter(line["reason"] for line in own).most_common()
        told = ", ".join(f"{count} {reason}" for reason, count in reasons)
        rows.append([label, str(len(own)), *(f"{100 * mean:.0f}" for mean in means), told])
    head = ["label", "rows", "right blind, %", "in full, %", "region hidden, %", "why kept or not"]
    return {"title": "What the selection saw", "head": head, "rows": rows, "note": "Means over rows of what was drawn."}


def _by_kind(answers: dict[str, dict[str, Prediction]], gold: dict[str, Gold]) -> dict[str, Any]:
    by = {name: score(name, said, gold, by=["label", "kind"]).by for name, said in answers.items()}
    first = by["sft"]
    rows = [[kind, str(first[kind].n), *(_share(one[kind].correct, one[kind].n) for one in by.values())]
            for kind in first]  # fmt: skip
    note = "In %, with Wilson 95 % intervals. Chance is 25."
    return {"title": "By label and by kind of question", "head": ["held-out", "n", *by], "rows": rows, "note": note}


def _named(last: dict[str, Said], gold: dict[str, Gold]) -> dict[str, Any]:
    """Right for the wrong reason: right, and another thing is named than the one in the hand."""
    rows = []
    for name, said in last.items():
        parts = [row["parts"] for id, row in said.items() if gold[id].group("label") == ASKED]
        named = sum(part["held_named"] for part in parts)
        wrongly = [not part["held_named"] for part in parts if part["accuracy"] == 1]
        many = fmean(part["objects"] for part in parts)
        rows.append([name, _share(named, len(parts)), _share(sum(wrongly), len(wrongly)), f"{many:.2f}"])
    head = ["model", "the thing in the hand is named, %", "of right answers, it is not, %", "things named"]
    return {"title": "Interaction questions: is the right thing named?", "head": head, "rows": rows}


def _paid(scores: Scores, costs: dict[str, dict[int, int]]) -> dict[str, Any]:
    rows = []
    for name, by_step in scores.items():
        for step, made in by_step.items():
            cells = [f"{100 * one.accuracy:.1f}" for one in (made.by[ASKED], made)]
            rows.append([f"{name}, {step} updates", f"{costs[name][step] / 1000:.0f}", *cells])
    head = ["training", "thousand tokens, selection included", f"{ASKED}, %", "all, %"]
    return {"title": "At equal updates, and what they had cost", "head": head, "rows": rows}


def _curves(scores: Scores, asked: dict[str, dict[int, Said]], gold: dict[str, Gold]) -> dict[str, Any]:
    """Every label of every training: what is forgotten is seen as what is learnt."""
    series: dict[str, list[tuple[int, float]]] = {}
    for name, by_step in scores.items():
        for step, made in by_step.items():
            for label, tally in made.by.items():
                series.setdefault(f"{label}: {name}", []).append((step, tally.accuracy))
            said = asked[name][step]
            held = [row["parts"]["held_named"] for id, row in said.items() if gold[id].group("label") == ASKED]
            series.setdefault(f"named: {name}", []).append((step, fmean(held)))
    chance = {key: CHANCE for key in series if not key.startswith("named")}
    return {"x": "update", "series": dict(sorted(series.items())), "chance": chance}


def _over_costs(scores: Scores, costs: dict[str, dict[int, int]]) -> dict[str, Any]:
    """Where a training stands when so much was spent, selection included."""
    series = {
        f"{ASKED}, by cost: {name}": [
            (costs[name][step] / 1000, made.by[ASKED].accuracy) for step, made in by_step.items()
        ]
        for name, by_step in scores.items()
    }
    return {"x": "thousand tokens", "series": series, "chance": dict.fromkeys(series, CHANCE)}


def _share(part: float, of: int) -> str:
    low, high = wilson(part, of)
    return f"{100 * part / of:.0f} ({100 * low:.0f}–{100 * high:.0f})" if of else "–"


def _trajectories(last: dict[str, Said], shown: int = 12) -> list[dict[str, Any]]:
    """Interaction questions with what each model says, those first whose answer the whole of Ego3S changed."""

    def unchanged(row: dict[str, Any]) -> bool:
        before, after = (last[name][row["id"]]["parts"]["accuracy"] for name in ("sft", "ego3s"))
        return bool(before == after)

    rows = sorted((row for row in read_jsonl(TEST) if row["label"] == ASKED), key=unchanged)
    return [
        {
            **{key: row[key] for key in ("id", "label", "question", "options", "answer")},
            "frames": row.get("video") or row["images"],
            "outputs": {name: said[row["id"]]["text"] for name, said in last.items()},
        }
        for row in rows[:shown]
    ]
