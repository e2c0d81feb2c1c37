"""Training rows from chains: whole conversations for LLaMA-Factory, questions for veRL, and Ego-R1's raw form.

A question is written once into the rows for veRL, however many chains it has. The raw form is that of Ego-R1's release,
so that its readers (`firsthand data build ego_cott` is one) can read our chains too.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from firsthand import clock, files
from firsthand.chains.chain import Chain, Unusable, question, solved
from firsthand.data import registry
from firsthand.data.build import writers
from firsthand.errors import UserError
from firsthand.question import Question, Solved, StyleName
from firsthand.rollout import prompt
from firsthand.rollout.episodes import Episode

REGISTRY = Path("dataset_info.json")


class Converted(NamedTuple):
    chains: int
    steps: int
    questions: int
    shortened: int  # chains with unreadable turns, which were left out
    left_aside: list[str]


def convert(
    chains: Iterable[Chain],
    style: StyleName,
    *,
    sft: Path | None = None,
    rl: Path | None = None,
    raw: Path | None = None,
    tools: list[dict[str, Any]] | None = None,
) -> Converted:
    """`tools` are the schemas that rows of the native dialect contain."""
    left_aside, good, shortened = list[str](), list[tuple[Episode, Solved]](), 0
    for chain in chains:
        try:
            good.append((chain.episode, solved(chain.episode, style)))
            shortened += bool(chain.episode.trace.invalid)
        except Unusable as why:
            left_aside.append(f"{chain.file}: row {chain.row}: {chain.episode.id}: {why}")
    if not good:
        first = f"; the first: {left_aside[0]}" if left_aside else ""
        raise UserError(f"no chain is left to make rows from, and nothing was written{first}")
    questions = {episode.question_id: question(episode, style) for episode, _ in good}
    if sft:
        files.write_json(sft, [prompt.sharegpt_row(row.question, prompt.solution(row), tools) for _, row in good])
    if rl:
        write_rl(rl, list(questions.values()))
    if raw:
        write_raw(raw, good)
    return Converted(len(good), sum(len(row.steps) for _, row in good), len(questions), shortened, left_aside)


def write_rl(path: Path, questions: list[Question]) -> None:
    """All rows get the same labels, as a table needs them."""
    names = sorted({name for one in questions for name in one.labels})
    whole = [one.model_copy(update={"labels": {name: one.labels.get(name) for name in names}}) for one in questions]
    with writers.table(path) as writer:
        rows = [prompt.verl_row(one, index) for index, one in enumerate(whole)]
        writer.add(writers.pack(path.name, rows, video_files=False))


def write_raw(folder: Path, good: Iterable[tuple[Episode, Solved]]) -> None:
    """One file per person."""
    people: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for episode, row in good:
        people[episode.identity or "unknown"].append(raw_record(episode, row))
    for person, records in people.items():
        files.write_json(folder / f"{person}.json", records)


def raw_record(episode: Episode, row: Solved) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [
        {
            "step": number,
            "thought": step.thought or None,
            "tool": {
                "id": f"{episode.id}/{number}",
                "name": step.tool,
                "arguments": json.dumps(step.arguments, ensure_ascii=False),
            },
            "observation": step.observation,
        }
        for number, step in enumerate(row.steps, 1)
    ]
    steps.append({"step": len(steps) + 1, "thought": row.thought or None, "answer": episode.letter})
    return {
        "ID": episode.id,
        "question": prompt.question_text(row.question),
        "cot": steps,
        "ground_truth": episode.answer,
        "reasoning_span": _span(episode),
        "log": "",
    }


def _span(episode: Episode) -> dict[str, Any]:
    """How far back the evidence lies, if that is known."""
    if not episode.target_time or not episode.query_time:
        return {"query_time": episode.query_time, "target_time": episode.target_time}
    start, _ = clock.parse_range(episode.target_time.split()[0])
    seconds = clock.seconds_between(start, clock.parse(episode.query_time))
    return {"query_time": episode.query_time, "target_time": episode.target_time, "span": seconds}


def entry(sft: Path, native: bool) -> dict[str, Any]:
    """The entry of LLaMA-Factory's registry for these rows; files are relative to its folder."""
    try:
        file = sft.resolve().relative_to(REGISTRY.resolve().parent)
    except ValueError:
        raise UserError(f"{sft} lies outside the folder of {REGISTRY}; write it below that to register it") from None
    return registry.entry(str(file), native)


def register(name: str, described: dict[str, Any]) -> None:
    present = files.read_json(REGISTRY) if REGISTRY.is_file() else {}
    if not isinstance(present, dict):
        raise UserError(f"{REGISTRY}: must be a JSON object with one entry per data set")
    if present.get(name) != described:
        files.write_json(REGISTRY, present | {name: described}, indent=2)
