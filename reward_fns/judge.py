"""Reward for open answers by a judge: a model behind any OpenAI-compatible server says which verdict an answer gets.

    reward_kwargs:
      parts: {accuracy: 1.0, format: 0.1}
      judge: {server: http://localhost:8000, model: judge, cache: runs/judge.sqlite}

Types of problems that are not among `kinds` are read by `by_type.py`. Verdicts have names, and the recipe says what
each is worth. An answer with the words of the gold answer is the first verdict, and no answer the last one, without a
question to the judge. What was judged is kept in `cache` and never asked again.

A server that does not answer in time, or with none of the verdicts, is a fault and no verdict: the part `accuracy` is
NaN, so the rollout is masked and counted, and never reward 0. `judge_fault` says so, `judge_<verdict>` what was said,
and the log why. Where `extra_info.without_model` is set, as by `firsthand reward validate`, nothing is asked: that is a
fault too.
"""

import asyncio
import json
import logging
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from firsthand.reward_fns import forms, texts
from firsthand.reward_fns.by_type import STRICT, Preset
from firsthand.reward_fns.parts import Sample
from pydantic import BaseModel, ConfigDict, Field

from firsthand.llm.client import OWN_KEY, BadAnswer, connect, post
from firsthand.llm.keys import redact
from firsthand.llm.reply_cache import ReplyCache, key_of

PROMPT = Path(__file__).with_name("judge.txt")
FAULT = "fault"
WORTH = {"correct": 1.0, "partly": 0.5, "incorrect": 0.0}  # of the verdicts, where a recipe names no others
WEIGHTS = {"accuracy": 1.0, "format": 0.1}
logger = logging.getLogger(__name__)


class Judge(BaseModel):
    """What the recipe says of the judge."""

    model_config = ConfigDict(extra="forbid")

    server: str
    model: str
    key_env: str = OWN_KEY  # the variable of its key
    cache: Path | None = None
    kinds: tuple[str, ...] = ("free-form",)
    verdicts: dict[str, float] = Field(WORTH, min_length=2)  # best first
    deadline: float = Field(30.0, gt=0)  # seconds of one question, with all tries
    concurrency: int = Field(16, gt=0)  # questions at once, of each reward worker
    max_tokens: int = 512
    extra_body: dict[str, Any] = {}  # what else this server takes

    async def verdict(self, sample: Sample) -> str:
        """The name of one verdict, or `FAULT`."""
        names = list(self.verdicts)
        if not sample.answer:
            return names[-1]
        if texts.same_words(sample.gold, sample.answer):
            return names[0]
        body = self._body(sample)
        kept = _cache(self.cache) if self.cache else None
        key = key_of(body)
        if kept and (reply := kept.get(key)):
            return self._read(reply["output"])
        if (sample.info or {}).get("without_model"):
            return FAULT
        output = await self._ask(body)
        if kept and self._read(output) != FAULT:
            kept.put(key, {"output": output})
        return self._read(output)

    def _body(self, sample: Sample) -> dict[str, Any]:
        question = str((sample.info or {}).get("question") or "")
        asked = {"question": question, "right answer": sample.gold, "answer to grade": sample.answer}
        names = list(self.verdicts)
        system = PROMPT.read_text().strip().format(names=", ".join(names), best=names[0])
        said = json.dumps(asked, ensure_ascii=False)
        messages = [{"role": "system", "content": system}, {"role": "user", "content": said}]
        fixed = {"model": self.model, "temperature": 0.0, "seed": 0, "max_tokens": self.max_tokens}
        return {**fixed, **self.extra_body, "messages": messages}

    async def _ask(self, body: dict[str, Any]) -> str:
        """What the server says; nothing where it fails."""
        from openai import APIError

        client, free = _connection(self)
        async with free:
            try:
                completion = await asyncio.wait_for(post(client, body), self.deadline)
            except (APIError, BadAnswer, TimeoutError) as error:
                logger.warning("%s: no verdict: %s", self.server, redact(f"{type(error).__name__}: {error}"))
                return ""
        return completion.message.content or ""

    def _read(self, output: str) -> str:
        said = output.rpartition("</think>")[2].strip().strip('".*').casefold()
        return next((name for name in self.verdicts if name.casefold() == said), FAULT)


def of_judge(sample: Sample) -> float:
    """What the verdict of the judge is worth; NaN where there is none."""
    return sample.options["verdicts"].get(sample.options["verdict"], math.nan)


async def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    *,
    judge: Mapping[str, Any],
    parts: Mapping[str, float] | None = None,
) -> dict[str, float]:
    asked = Judge(**judge)
    sample = Sample(solution_str, ground_truth, extra_info)
    verdict = await asked.verdict(sample) if sample.kind in asked.kinds else None
    sample.options = {"verdicts": asked.verdicts, "verdict": verdict}
    read = {**STRICT, **dict.fromkeys(asked.kinds, (of_judge, texts.no_text))}
    scores = Preset(read, forms.think_answer, WEIGHTS).score(sample, parts)
    return scores | {f"judge_{name}": float(verdict == name) for name in (*asked.verdicts, FAULT)}


_cache = cache(ReplyCache)
_connections: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()  # a client belongs to one event loop


def _connection(judge: Judge) -> tuple[Any, asyncio.Semaphore]:
    of_loop = _connections.setdefault(asyncio.get_running_loop(), {})
    key = f"{judge.server} {judge.key_env} {judge.deadline} {judge.concurrency}"
    if key not in of_loop:
        client = connect(judge.server, retries=3, timeout=judge.deadline, key_env=judge.key_env)
        of_loop[key] = client, asyncio.Semaphore(judge.concurrency)
    return of_loop[key]
