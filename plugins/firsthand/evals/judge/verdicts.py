"""The verdicts of one judge on the answers of a run: asked once, kept in the run's folder, never counted where missing.

`verdicts/JUDGE.jsonl` gets a row for each answer as its verdict arrives. A judge that fails gives no row, and is asked
again when the command runs again. Replies are also kept in a cache that runs can share.
"""

import asyncio
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI

from firsthand.evals.judge.protocols import Protocol, Verdict
from firsthand.evals.judge.similarity import SIMILARITY, Similarity
from firsthand.evals.rows import Gold, Prediction
from firsthand.llm.ask_many import Summary, ask_all, same_run
from firsthand.llm.client import BadAnswer, Settings
from firsthand.llm.reply_cache import ReplyCache, key_of
from firsthand.llm.row_log import RowLog
from firsthand.rollout.episodes import Served

RULES = "rules"  # the judge that asks nobody: equal words are right, everything else is wrong


class JudgeSettings(Settings):
    protocol: str
    sample: int | None = None  # questions, where it does not judge all


@dataclass(frozen=True)
class Answer:
    """One answer of one column, as a judge gets it."""

    column: str
    question: str
    gold: Gold
    said: str
    protocol: Protocol | Similarity

    @property
    def id(self) -> str:
        return f"{self.gold.id} ({self.column})"

    @cached_property
    def asked(self) -> list[Any]:
        return self.protocol.asked(self.question, self.gold.answer, self.said)

    @cached_property
    def messages_sha256(self) -> str:
        return key_of(self.asked)


def answers_to_judge(
    columns: Mapping[str, Mapping[str, Prediction]],
    golds: Mapping[str, Gold],
    protocol: Protocol | Similarity,
    sample: int | None = None,
) -> dict[str, Answer]:
    """All answers that there are; of a sample, those to the questions whose ids have the lowest hashes."""
    chosen = sorted(golds, key=lambda id: hashlib.sha256(id.encode()).hexdigest())[:sample] if sample else golds
    found = {}
    for column, answers in columns.items():
        for id in chosen:
            if id in answers:
                one = Answer(column, golds[id].group("question"), golds[id], answers[id].text, protocol)
                found[one.id] = one
    return found


def path_of(folder: Path, judge: str, protocol: Protocol | Similarity) -> Path:
    name = f"{SIMILARITY} {judge}" if protocol.name == SIMILARITY else judge
    return folder / "verdicts" / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', name).strip('_')}.jsonl"


def ask_judge(
    answers: Mapping[str, Answer], out: Path, served: Served, settings: JudgeSettings, cache: Path | None
) -> Summary:
    kept = ReplyCache(cache) if cache else None

    async def answer(client: AsyncOpenAI, one: Answer) -> dict[str, Any]:
        if verdict := one.protocol.by_rule(one.gold.answer, one.said):
            return _row(one, settings, "rule", verdict, "")
        key = key_of(settings.model_dump(exclude={"sample"}) | {one.protocol.field: one.asked})
        reply = kept.get(key) if kept else None
        output = reply["output"] if reply else await one.protocol.send(client, one.asked, settings)
        if (verdict := one.protocol.read(output)) is None:
            raise BadAnswer(f"no verdict in {output[:80]!r}")
        if kept and not reply:
            kept.put(key, {"output": output})
        return _row(one, settings, "cache" if reply else "judge", verdict, output)

    try:
        return asyncio.run(ask_all(answers, answer, out, served.url, settings, served.pace, served.key))
    finally:
        if kept:
            kept.close()


def judge_by_rules(
    answers: Mapping[str, Answer], out: Path, protocol: Protocol | Similarity, sample: int | None
) -> Summary:
    settings = JudgeSettings(model=RULES, protocol=protocol.name, sample=sample)
    with RowLog(out) as log:
        same_run(log, answers, settings.model_dump())
        summary = Summary(resumed=len(log.rows), torn=log.torn)
        for one in answers.values():
            if one.id not in log.rows:
                verdict = protocol.by_rule(one.gold.answer, one.said) or dict.fromkeys(protocol.marks, 0.0)
                log.append(_row(one, settings, "rule", verdict, ""))
                summary.asked += 1
    return summary


def _row(one: Answer, settings: JudgeSettings, by: str, verdict: Verdict, output: str) -> dict[str, Any]:
    same = {"id": one.id, "messages_sha256": one.messages_sha256, "settings": settings.model_dump()}
    return {**same, "column": one.column, "question": one.gold.id, "by": by, "verdict": verdict, "output": output}


def files_of(folder: Path) -> Iterable[Path]:
    return sorted((folder / "verdicts").glob("*.jsonl"))
