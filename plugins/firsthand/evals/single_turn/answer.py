"""One benchmark question, answered: frames within the budget, a prompt, as many ballots as the method needs.

A server that finds a prompt too long, or runs out of memory over it, is asked again with half of the frames; the row
says how often and why. Each ballot of a question shows the same frames.
"""

import asyncio
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

from openai import APIStatusError, AsyncOpenAI

from firsthand.errors import UserError
from firsthand.evals.single_turn import votes
from firsthand.evals.single_turn.frames import Budget, Policy, count, fit
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


class Plan(Settings):
    """Everything that decides an answer beside the question; it is stored in every row."""

    max_tokens: int = 16
    method: votes.Method = "letter"
    rotate: bool = False  # every order of options by rotation; of pairs: both
    prompts: Literal["plain", "typed"] = "plain"
    frames: Policy = "uniform"
    max_frames: int = 16
    max_image_tokens: int = 16384  # of all frames
    max_pixels: int = 360_000  # of a frame, as in training
    min_pixels: int = 50_176
    factor: int = 32  # pixels along a token
    video: bool = False  # frames as one video, where a rate gives them their times, instead of images

    @property
    def budget(self) -> Budget:
        return Budget(self.max_image_tokens, self.max_pixels, self.min_pixels, self.factor)


class Task:
    """A question as `ask_all` passes it on."""

    def __init__(self, question: Question):
        self.question, self.id = question, question.id
        self.messages_sha256 = hashlib.sha256(question.model_dump_json().encode()).hexdigest()


async def answer(client: AsyncOpenAI, task: Task, plan: Plan, root: Path, by_path: bool) -> dict[str, Any]:
    question = prepared(task.question, plan)
    letters = "".join(question.options)
    policy, limit, halved = plan.frames, plan.max_frames, []
    while True:
        fitted = fit(question, root, policy, limit, plan.budget)
        if by_path and (big := [path for path in fitted.images if not plan.budget.holds(inside(root, path))]):
            raise UserError(f"{big[0]}: outside the pixel budget, so it cannot be sent by path; leave --by-path out")
        try:
            asked = [
                await _ask(client, fitted, order, letters, plan, root, by_path)
                for order in votes.orders(letters, plan.method, plan.rotate)
            ]
            break
        except APIStatusError as error:
            if count(fitted) < 2 or not (error.status_code == 413 or TOO_BIG.search(error.message)):
                raise
            halved.append(f"{count(fitted)} frames: {error.message[:200]}")
            policy, limit = ("uniform" if policy == "full" else policy), count(fitted) // 2
    replies = [reply for _, reply in asked]
    letter, shares = votes.decide([ballot for ballot, _ in asked], letters)
    return {
        "id": task.id,
        "messages_sha256": task.messages_sha256,
        "settings": plan.model_dump(),
        "decided": True,
        "letter": letter,
        "shares": shares,
        "output": replies[0].output,
        "outputs": [reply.output for reply in replies],
        "finish_reason": replies[0].finish_reason,
        "prompt_tokens": replies[0].prompt_tokens,
        "completion_tokens": sum(reply.completion_tokens for reply in replies),
        "seconds": round(sum(reply.seconds for reply in replies), 3),
        "frames": count(fitted),
        "of_frames": count(task.question),
        "halved": halved,
    }


def prepared(question: Question, plan: Plan) -> Question:
    """Frames as one video if the plan says so, and the words for this type of question."""
    if plan.frames == "tail" and (plan.video or question.video):
        raise UserError(
            f"{question.id}: a video has one rate, so it cannot be denser at its end; use images, or uniform"
        )
    if plan.video and question.images:
        video = question.as_video()
        if video is None:
            raise UserError(f"{question.id}: its frames have no constant rate; ask it with images")
        question = video
    if plan.prompts == "typed":
        hint = typed_prompt(question)
        question = question.model_copy(update={"question": f"{hint}\n{question.question}"})
    return question


def typed_prompt(question: Question) -> str:
    kind = question.labels.get("question_type")
    if not kind:
        raise UserError(f"{question.id}: no question_type, so no prompt for it; use --prompts plain")
    return _prompt(question.style, kind)


@cache
def _prompt(style: str, kind: str) -> str:
    path = PROMPTS / style / f"{kind.replace(' ', '_').replace('-', '_')}.txt"
    if not path.is_file():
        raise UserError(f"no prompt for questions of type {kind!r}; use --prompts plain, or write {path}")
    return path.read_text().strip()


async def _ask(
    client: AsyncOpenAI, question: Question, order: str, letters: str, plan: Plan, root: Path, by_path: bool
) -> tuple[votes.Ballot, Reply]:
    shown = votes.reordered(question, order)
    rendered = Prompted.model_validate({"id": question.id, "messages": messages(shown), "letters": letters})
    body = await asyncio.to_thread(request_body, rendered, root, by_path, plan.budget.read)
    if plan.method == "letter":
        reply = await complete(client, body, plan)
        return votes.by_letter(reply.output, letters, order), reply
    reply = await complete(client, body | {"logprobs": True, "top_logprobs": 20, "max_tokens": 1}, plan)
    return votes.by_probability(reply.first_token, letters, order), reply
