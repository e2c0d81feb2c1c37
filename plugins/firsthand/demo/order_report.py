"""What the trainings on order measured: how right each model is on ordered, shuffled and reversed frames, by kind of
question, before, during and after its training."""

import os
from pathlib import Path
from typing import Any

from firsthand.answers import extract_choice
from firsthand.demo.measures import compared, validations
from firsthand.demo.order import MODELS, ORDERS, TEST, TRAININGS, WEEK
from firsthand.errors import UserError
from firsthand.evals.compare import compare
from firsthand.evals.rows import Gold, Prediction, read_rows
from firsthand.evals.score import score, wilson
from firsthand.files import read_jsonl
from firsthand.media.orders import Order
from firsthand.pages.run.curves import read_verl_metrics
from firsthand.toy.ego3s.drafts import ORDERED

KINDS = ("order", "scene")
OTHERS = ORDERS[1:]
BLIND, GUESS = 0.5, 0.25  # who sees all but the order is left with two verbs; who sees nothing, with four options
CHANCE = {"order": f"{100 * BLIND:.0f} without the order", "scene": f"{100 * GUESS:.0f} by guessing"}
LOGGED = ("ordered", "gap_shuffled", "gap_reversed")

Answers = dict[str, Prediction]
Asked = dict[int, list[dict[str, Any]]]  # update -> rollouts of a validation
Series = dict[str, list[tuple[float, float]]]


def content(run: Path) -> dict[str, Any]:
    gold = read_rows(TEST, Gold)
    asked = {name: validations(run / name) for name in TRAININGS}
    begun = next(iter(asked.values()))[0]
    asked = {name: {0: begun, **found} for name, found in asked.items()}
    said = {"sft": begun} | {name: found[max(found)] for name, found in asked.items()}
    answers = {(name, order): _answers(said[name], order) for name in MODELS for order in ORDERS}
    ordered = {name: answers[name, "ordered"] for name in MODELS}
    table = [score(name, ordered[name], gold, by="label") for name in MODELS]
    pairs = [
        ("sft", "grpo"),
        ("grpo", "rloo"),
        ("rloo", "temporal"),
        ("rloo", "rloo_faster"),
        ("rloo_faster", "temporal"),
    ]
    series = held_out(asked, gold) | curves(run)
    return {
        **compared(table, ordered, pairs, gold),
        "title": "Does reinforcement teach the order of frames?",
        "subtitle": "a tiny Qwen3-VL on pick-ups and put-downs of people whom it has not met; a put-down is a pick-up "
        "run backwards",
        "media_root": os.path.relpath(WEEK.resolve(), run.resolve()),
        "tables": [*(_by_order(kind, answers, gold) for kind in KINDS), _verbs(said)],
        "curves": {"x": "step", "series": series, "chance": {name: _chance(name) for name in series}},
        "trajectories": _trajectories(ordered),
        "notes": [
            "The verb is asked about four frames from the middle of an event; both verbs are equally common. Without "
            "the order 50 % are right, by guessing 25 %. Questions on rooms and tables need no order.",
            "A gap is the accuracy on ordered frames less that on others, question by question, with a 95 % interval.",
            "Held-out people are asked greedily, in the tables too; other curves are of the training's own questions "
            "at temperature 1.",
            "All trainings begin with the same fine-tuned model, rows, seed and learning rate, but rloo_faster with "
            "1.3 times the rate. Adam divides a gradient by its size: 1.3 times all advantages alone is the same step.",
        ],
    }


def held_out(asked: dict[str, Asked], gold: dict[str, Gold]) -> Series:
    """By kind of question, what each training makes of accuracy and gaps on held-out people."""
    series: Series = {}
    for kind in KINDS:
        of_kind = {key: one for key, one in gold.items() if one.group("label") == kind}
        for name, found in asked.items():
            for step, said in sorted(found.items()):
                right = {order: score(name, _answers(said, order), of_kind).accuracy for order in ORDERS}
                gaps = {f"gap_{order}": right["ordered"] - right[order] for order in OTHERS}
                for part, value in ({"ordered": right["ordered"]} | gaps).items():
                    series.setdefault(f"held-out {kind}, {part}: {name}", []).append((step, value))
    return dict(sorted(series.items()))


def _answers(said: list[dict[str, Any]], order: Order) -> Answers:
    return {
        row["facts"]["id"]: Prediction(
            id=row["facts"]["id"], output=row["text"] if order == "ordered" else row["orders"][order]
        )
        for row in said
    }


def _by_order(kind: str, answers: dict[tuple[str, Order], Answers], gold: dict[str, Gold]) -> dict[str, Any]:
    asked = {key: one for key, one in gold.items() if one.group("label") == kind}
    rows = []
    for name in MODELS:
        tallies = [score(name, {key: answers[name, order][key] for key in asked if key in answers[name, order]}, asked)
                   for order in ORDERS]  # fmt: skip
        gaps = [compare((order, answers[name, order]), (name, answers[name, "ordered"]), asked) for order in OTHERS]
        cells = [f"{100 * one.accuracy:.1f} ({_range(one.interval, '.0f')})" for one in tallies]
        rows.append([name, *cells, *(f"{100 * gap.difference:+.1f} ({_range(gap.interval, '+.0f')})" for gap in gaps)])
    return {
        "title": f"Questions on {kind}: right in %",
        "head": [f"n = {len(asked)}", *ORDERS, *(f"gap to {order}" for order in OTHERS)],
        "rows": rows,
        "note": f"Chance: {CHANCE[kind]}.",
    }


def _verbs(said: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Where an answer goes wrong: what the model says that it sees, or the letter that it finds for it."""
    rows = []
    for name, answered in said.items():
        hits: dict[str, list[bool]] = {column: [] for column in (*ORDERED, "letter")}
        for row in answered:
            options, text = row["facts"]["options"], row["text"]
            if row["facts"]["label"] == "order":
                verb = options[row["facts"]["answer"]]
                named = next((one for one in ORDERED if f"i {one} " in text), None)
                letter = extract_choice(text, "".join(options))
                hits[verb].append(named == verb)
                hits["letter"].append(named is not None and options.get(letter or "") == named)
        cells = [f"{sum(own)} of {len(own)} ({_range(wilson(sum(own), len(own)), '.0f')} %)" for own in hits.values()]
        rows.append([name, *cells])
    head = ["on ordered frames", *(f"{verb}: named so" for verb in ORDERED), "the letter is that of the verb it named"]
    return {"title": "Does it see the order, and does it find the letter?", "head": head, "rows": rows}


def _range(interval: tuple[float, float], form: str) -> str:
    low, high = (f"{100 * bound:{form}}" for bound in interval)
    return f"{low} to {high}"


def curves(run: Path) -> Series:
    """What each training logged of its own questions on order: accuracy, and the gaps."""
    found: Series = {}
    for name in TRAININGS:
        logged = read_verl_metrics(sorted((run / name / "metrics").rglob("*.jsonl")), [])
        for part in LOGGED:
            if points := logged.get(f"orders/order/{part}"):
                found[f"training order, {part}: {name}"] = sorted(points.items())
    if not found:
        raise UserError(f"{run}: no training logged orders/order; did they run with recipes/toy/order_loop.yaml?")
    return found


def _chance(series: str) -> float:
    """Of an accuracy, and of a gap."""
    what, _, part = series.partition(":")[0].partition(", ")
    if part != "ordered":
        return 0.0
    return GUESS if what.endswith("scene") else BLIND


def _trajectories(ordered: dict[str, Answers], shown: int = 12) -> list[dict[str, Any]]:
    """Questions on order, with what each model says on ordered frames."""
    return [
        {
            "id": row["id"], "label": row["label"], "question": row["question"], "options": row["options"],
            "answer": row["answer"], "frames": row["video"],
            "outputs": {name: found[row["id"]].output for name, found in ordered.items() if row["id"] in found},
        }
        for row in read_jsonl(TEST)
        if row["label"] == "order"
    ][:shown]  # fmt: skip
