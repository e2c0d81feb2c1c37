"""The samples of one row: drawn until its planner needs no more, from the log where it has them.

A row has one seed, made of its id, for all three conditions: what differs between them is then less often chance. The
server that answers, the order of the rows and the number of workers decide nothing.
"""

import asyncio
import re
import zlib
from pathlib import Path
from typing import Any, Protocol

from openai import APIError, APIStatusError

from firsthand.errors import UserError
from firsthand.llm import keys
from firsthand.llm.client import BadAnswer
from firsthand.llm.faults import Unavailable
from firsthand.llm.media import read_image, request_body
from firsthand.llm.messages import Prompted
from firsthand.llm.reply_cache import key_of
from firsthand.selection.generations import Generations, Line, Score
from firsthand.selection.ledger import (
    NO_MEDIUM,
    NO_REGION,
    REFUSED,
    UNANSWERED,
    UNDECODABLE,
    Entry,
    Thought,
    sketch,
)
from firsthand.selection.mask import Mask
from firsthand.selection.pool import Row, blind
from firsthand.selection.recipe import Recipe
from firsthand.selection.region_file import Region
from firsthand.selection.rules import CONDITIONS, Condition, Scores
from firsthand.selection.scoring import Scorer
from firsthand.selection.servers import Servers

CHECKS = re.compile(r"\b(?:wait|check|verify|again|however|alternatively)\b", re.IGNORECASE)
WRONG_FOR_ALL = (401, 403, 404)  # the key, the address or the model: no row would be answered


class Planner(Protocol):
    def next(self, scores: Scores) -> tuple[Condition, int] | None: ...


class Sampler:
    """Everything that the rows of a run share."""

    def __init__(
        self, recipe: Recipe, root: Path, servers: Servers, scorer: Scorer, generations: Generations, planner: Planner
    ) -> None:
        assert recipe.policy
        self.recipe, self.policy, self.root = recipe, recipe.policy, root
        self.servers, self.scorer, self.generations, self.planner = servers, scorer, generations, planner

    async def entry(self, row: Row, region: Region | None, prefer: int) -> Entry:
        """The row with its scores, or with the reason why it has none."""
        entry = sketch(row)
        needs_region = "masked" in self.recipe.method.conditions
        if entry.reason:
            return entry
        if not row.has_media:
            entry.reason = NO_MEDIUM
        elif needs_region and not (region and region.found):
            entry.reason = NO_REGION
        else:
            await self._sampled(entry, _Row(row, region, self), prefer)
        return entry

    async def _sampled(self, entry: Entry, row: "_Row", prefer: int) -> None:
        try:
            while wanted := self.planner.next(entry.scores):
                condition, count = wanted
                seen = entry.scores[condition]
                enough = len(seen) + count  # whatever the log holds of them: a plan does not depend on earlier runs
                while len(seen) < enough:
                    line = self.generations.holding(entry.id, row.digest(condition), len(seen))
                    line = line or await self._asked(row, condition, len(seen), enough - len(seen), prefer)
                    await self._add(entry, row, condition, line, enough)
        except APIStatusError as error:
            if error.status_code in WRONG_FOR_ALL:
                raise UserError(f"{error.request.url}: {error.message}; correct the server, model or key") from None
            final = 400 <= error.status_code < 500 and error.status_code not in (408, 409, 425, 429)
            entry.reason, entry.why = REFUSED if final else UNANSWERED, keys.redact(error.message[:300])
        except (APIError, BadAnswer, Unavailable) as error:
            entry.reason, entry.why = UNANSWERED, keys.redact(str(error)[:300])
        except _Undecodable as error:
            entry.reason, entry.why = UNDECODABLE, str(error)

    async def _asked(self, row: "_Row", condition: Condition, first: int, count: int, prefer: int) -> Line:
        sampling = self.policy.sampling.model_dump() | {"seed": row.seed + first}
        body = await asyncio.to_thread(row.body, condition)
        reply = await self.servers.post(prefer, body | {"model": self.policy.model, "n": count, **sampling})
        prompt, completion = reply.tokens
        line = {
            "id": f"{row.row.id}/{condition}/{first}/{row.digest(condition)[:16]}",
            "messages_sha256": row.asked(condition).messages_sha256,
            "settings": {"model": self.policy.model, **sampling},
            "row": row.row.id,
            "condition": condition,
            "first": first,
            "digest": row.digest(condition),
            "outputs": [choice.message.content or "" for choice in reply.choices],
            "prompt_tokens": prompt,
            "completion_tokens": completion,
        }
        self.generations.add(line)
        return line

    async def _scores(self, row: Row, line: Line) -> list[Score]:
        """Of the answers of a line. One that could not be measured stops the row, and is measured by the next run."""
        if known := self.generations.scores.get((line["id"], self.scorer.digest)):
            return known
        loop = asyncio.get_running_loop()
        scores = [
            await loop.run_in_executor(self.scorer.thread, self.scorer.score, row, text) for text in line["outputs"]
        ]
        if None in scores:
            raise Unavailable("its reward could not be measured; see the judge of the reward's recipe")
        self.generations.add_scores(line, self.scorer.digest, scores)
        return scores

    async def _add(self, entry: Entry, row: "_Row", condition: Condition, line: Line, enough: int) -> None:
        """The samples of a line, until there are enough: what another run has drawn beyond them is not needed."""
        seen, scores = entry.scores[condition], await self._scores(row.row, line)
        skipped = len(seen) - line["first"]
        if not skipped:  # paid for once, however often it is read
            entry.requests += 1
            entry.prompt_tokens += line["prompt_tokens"]
            entry.completion_tokens += line["completion_tokens"]
        for score, text in [*zip(scores, line["outputs"], strict=True)][skipped : enough - line["first"]]:
            seen.add(*score)
            if condition == "full" and score[0] == 1:
                entry.thought = max(entry.thought, _thought(text), key=lambda thought: thought.words)


def _thought(text: str) -> Thought:
    return Thought(words=len(text.split()), checks=len(CHECKS.findall(text)))


class _Undecodable(Exception):
    """A medium of this row cannot be shown."""


class _Row:
    """A row on its way to a server."""

    def __init__(self, row: Row, region: Region | None, sampler: Sampler) -> None:
        assert row.asked
        self.row, self.region, self.sampler = row, region, sampler
        self.full = row.asked
        self.digests = {condition: self._digest(condition) for condition in CONDITIONS}
        self.seed = (zlib.crc32(row.id.encode()) + sampler.policy.sampling.seed) & 0x7FFF_FFFF

    def asked(self, condition: Condition) -> Prompted:
        return blind(self.full) if condition == "blind" else self.full

    def digest(self, condition: Condition) -> str:
        return self.digests[condition]

    def _digest(self, condition: Condition) -> str:
        """Of everything that shapes an answer but its seed, which the row's id decides."""
        recipe, policy = self.sampler.recipe, self.sampler.policy
        facts: list[Any] = [self.asked(condition).messages_sha256, policy.model, policy.sampling.model_dump()]
        if condition != "blind" and self.full.video_file:
            facts.append(recipe.of_sampling())
        if condition == "masked" and self.region:
            facts += [recipe.mask, self.region.size, self.region.frames, self.region.boxes]
        return key_of([condition, *facts])

    def body(self, condition: Condition) -> dict[str, Any]:
        recipe, asked = self.sampler.recipe, self.asked(condition)
        try:
            if condition != "masked" or self.region is None:
                return request_body(asked, self.sampler.root, read=read_image, sampling=recipe.of_sampling())
            mask = Mask(self.region, self.row.frames, recipe.mask)
            sampling = recipe.of_sampling()
            return request_body(asked, self.sampler.root, read=mask.read, sampling=sampling, edit=mask.edit)
        except UserError as error:
            raise _Undecodable(str(error)) from None
