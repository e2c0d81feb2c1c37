"""The answer to one question: frames within the budget, a prompt, and as many ballots as the method needs.

If a prompt is too long for the server, or too much for its memory, it is asked again with half of the frames. The row
says how often and why. All ballots of a question show the same frames.
"""

import asyncio
import hashlib
import re
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from openai import APIStatusError, AsyncOpenAI
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from firsthand.errors import UserError
from firsthand.evals.single_turn import votes
from firsthand.evals.single_turn.changed import shuffled
from firsthand.evals.single_turn.frames import Budget, count, fit
from firsthand.evals.ways import SingleTurn
from firsthand.llm.client import Reply, Settings, complete
from firsthand.llm.media import request_body
from firsthand.llm.messages import Prompted
from firsthand.media.paths import inside
from firsthand.question import Question
from firsthand.rollout.prompt import messages

PROMPTS = Path(__file__).parent / "prompts"
TOO_BIG = re.compile(
    r"out of memory|outofmemory|maximum (context|model|prompt) length|max_model_len|too (long|large|many)"
    r"|at most \d+ (image|video)|exceeds? the (limit|maximum)",
    re.IGNORECASE,
)
NOT_STORED = ("media_root", "by_path")  # how the frames get to the server decides no answer
COLUMNS = ("blind", "shuffled")  # a column has a file of its own


class Plan(Settings):
    """Everything that decides an answer beside the question; it is stored in every row, on one level."""

    way: SingleTurn = Field(exclude=True)

    @property
    def budget(self) -> Budget:
        return Budget(self.way.max_image_tokens, self.way.max_pixels, self.way.min_pixels, self.way.factor)

    @model_serializer(mode="wrap")
    def _one_level(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        stored = {key: value for key, value in asdict(self.way).items() if key not in NOT_STORED + COLUMNS}
        if stored["frame_order"] == "ordered":  # runs from before it could be chosen go on
            del stored["frame_order"]
        return inner(self) | stored


@dataclass(frozen=True)
class Task:
    """A question as `ask_all` passes it on."""

    question: Question

    @property
    def id(self) -> str:
        return self.question.id

    @cached_property
    def messages_sha256(self) -> str:
        return hashlib.sha256(self.question.model_dump_json().encode()).hexdigest()


async def answer(client: AsyncOpenAI, task: Task, plan: Plan, root: Path) -> dict[str, Any]:
    """The row of one answer."""
    question = prepared(task.question, plan.way)
    shown, asked, halved = await _ask(client, question, plan, root)
    ballots, replies = zip(*asked, strict=True)
    return {
        **votes.decided(ballots, "".join(question.options), task, plan),
        "output": replies[0].output,
        "outputs": [reply.output for reply in replies],
        "orders": [ballot.order for ballot in ballots],
        "finish_reason": replies[0].finish_reason,
        "prompt_tokens": sum(reply.prompt_tokens for reply in replies),
        "completion_tokens": sum(reply.completion_tokens for reply in replies),
        "seconds": round(sum(reply.seconds for reply in replies), 3),
        "frames": shown,
        "of_frames": count(task.question),
        "halved": halved,
    }


def prepared(question: Question, way: SingleTurn) -> Question:
    """Frames as one video if that was chosen, and the words for this type of question."""
    if way.frames == "tail" and (way.video or question.video):
        raise UserError(
            f"{question.id}: a video has one rate, so it cannot be denser at its end; use images, or uniform"
        )
    if way.video and question.images:
        video = question.as_video()
        if video is None:
            raise UserError(f"{question.id}: its frames have no constant rate; ask it with images")
        question = video
    if way.prompts == "typed":
        hint = typed_prompt(question)
        question = question.model_copy(update={"question": f"{hint}\n{question.question}"})
    return question


def typed_prompt(question: Question) -> str:
    kind = question.labels.get("question_type")
    if not kind:
        raise UserError(f"{question.id}: no question_type, so no prompt for it; use --prompts plain")
    path = PROMPTS / question.style / f"{kind.replace(' ', '_').replace('-', '_')}.txt"
    if not path.is_file():
        raise UserError(f"no prompt for questions of type {kind!r}; use --prompts plain, or write {path}")
    return path.read_text().strip()


async def _ask(
    client: AsyncOpenAI, question: Question, plan: Plan, root: Path
) -> tuple[int, list[tuple[votes.Ballot, Reply]], list[str]]:
    """How many frames were shown, the ballots with their replies, and each time that the frames had to be halved."""
    policy, limit, halved = plan.way.frames, plan.way.max_frames, list[str]()
    while True:
        fitted = fit(question, root, policy, limit, plan.budget)
        try:
            return count(fitted), await _ballots(client, fitted, plan, root), halved
        except APIStatusError as error:
            if count(fitted) < 2 or not (error.status_code == 413 or TOO_BIG.search(error.message)):
                raise
            halved.append(f"{count(fitted)} frames: {error.message[:200]}")
            policy, limit = ("uniform" if policy == "full" else policy), count(fitted) // 2


async def _ballots(client: AsyncOpenAI, question: Question, plan: Plan, root: Path) -> list[tuple[votes.Ballot, Reply]]:
    way, letters = plan.way, "".join(question.options)
    if way.by_path and (big := [path for path in question.images if not plan.budget.holds(inside(root, path))]):
        raise UserError(f"{big[0]}: outside the pixel budget, so it cannot be sent by path; leave --by-path out")
    first = shuffled(letters, question.id) if way.shuffled else letters
    return [await _ballot(client, question, order, plan, root) for order in votes.orders(first, way.method, way.rotate)]


async def _ballot(
    client: AsyncOpenAI, question: Question, order: str, plan: Plan, root: Path
) -> tuple[votes.Ballot, Reply]:
    way, letters, turned = plan.way, "".join(question.options), messages(votes.reordered(question, order))
    shown = Prompted.model_validate({"id": question.id, "messages": turned, "letters": letters})
    body = await asyncio.to_thread(request_body, shown, root, way.by_path, plan.budget.read, order=way.frame_order)
    if way.method == "letter":
        reply = await complete(client, body, plan)
        return votes.by_letter(reply.output, letters, order, question.options), reply
    reply = await complete(client, body | votes.PROBABILITIES | {"max_tokens": 1}, plan)
    return votes.by_probability(reply.first_token, letters, order), reply
