"""Questions put as their file has them: the messages of a row are one request, and its answer is one row."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI
from pydantic import SerializerFunctionWrapHandler, model_serializer

from firsthand.answers import extract_choice
from firsthand.data.questions import read_any_questions
from firsthand.errors import UserError
from firsthand.evals.rows import as_rows
from firsthand.evals.single_turn import votes
from firsthand.evals.single_turn.talk import Talk
from firsthand.evals.ways import AsWritten
from firsthand.files import read_jsonl
from firsthand.llm.ask_many import Pace, Summary, ask_all
from firsthand.llm.client import Reply, Settings, complete
from firsthand.llm.media import request_body
from firsthand.llm.messages import Prompted
from firsthand.llm.row_log import RowLog
from firsthand.media.limits import VIDEO
from firsthand.media.orders import Order
from firsthand.question import Question, StyleName
from firsthand.recipe import load
from firsthand.recipe.limits import of_llamafactory
from firsthand.rollout import prompt
from firsthand.rollout.prompt import eval_row, in_style


class FrameSettings(Settings):
    """Which order the frames are shown in; runs from before it could be chosen go on."""

    frame_order: Order = "ordered"

    @classmethod
    def of_way(cls, way: AsWritten, model: str, seed: int) -> "FrameSettings":
        asked: dict[str, Any] = {"temperature": way.temperature, "max_tokens": way.max_tokens, "seed": seed}
        return cls(model=model, frame_order=way.frame_order, **asked)

    @model_serializer(mode="wrap")
    def _if_changed(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        stored: dict[str, Any] = inner(self)
        return {key: value for key, value in stored.items() if key != "frame_order" or value != "ordered"}


class VideoSettings(FrameSettings):
    """For questions about video files: how a fine-tuning recipe samples them, under its own keys."""

    video_fps: float
    video_maxlen: int
    video_max_pixels: int
    video_min_pixels: int

    @property
    def sampling(self) -> dict[str, Any]:
        sizes = {"max_pixels": self.video_max_pixels, "min_pixels": self.video_min_pixels}
        return {"fps": self.video_fps, "max_frames": self.video_maxlen, **sizes}

    @classmethod
    def of_recipe(cls, path: Path, settings: Settings) -> "VideoSettings":
        document = load(path)
        if not document.kind.startswith("llamafactory"):
            raise UserError(f"{path}: not a recipe of `llamafactory-cli train`, but: {document.kind}")
        limits = of_llamafactory(document).limits
        fewest, most = limits.video or VIDEO
        return cls(
            **settings.model_dump(),
            video_fps=limits.video_fps,
            video_maxlen=limits.video_maxlen,
            video_max_pixels=most,
            video_min_pixels=fewest,
        )


def rows_of(path: Path, style: StyleName | None) -> list[dict[str, Any]]:
    """The rows of a file as they stand there, or as another style asks their questions."""
    if style is None:
        return list(read_jsonl(path))
    return [eval_row(in_style(question, style)) for question in read_any_questions(path).values()]


def prompted(path: Path, rows: list[dict[str, Any]], recipe: Path | None) -> dict[str, Prompted]:
    """The rows of a file, ready to be sent; those about video files need a recipe that samples them."""
    questions = as_rows(path, rows, Prompted)
    filed = next((question for question in questions.values() if question.video_file), None)
    if filed and recipe is None:
        raise UserError(
            f"{path}: {filed.id} is about the video file {filed.video_file}; "
            "say with --recipe which fine-tuning recipe samples it, so that the model sees what it was trained on"
        )
    return questions


async def ask(
    questions: Mapping[str, Prompted],
    out: Path,
    server: str,
    settings: Settings,
    *,
    media_root: Path,
    recipe: Path | None = None,
    pace: Pace = Pace(),
    key: str | None = None,
    orders: Mapping[str, tuple[Question, list[str]]] | None = None,
    note: Callable[[dict[str, Any]], str] | None = None,
) -> Summary:
    """One request per question, or one for each order of its options; video files are sampled as `recipe` does it."""
    if recipe and any(question.video_file for question in questions.values()):
        settings = VideoSettings.of_recipe(recipe, settings)

    def answer(client: AsyncOpenAI, question: Prompted) -> Awaitable[dict[str, Any]]:
        if orders:
            return ask_in_orders(client, question, *orders[question.id], settings, media_root)
        if talks:
            return ask_turn(client, question, talk, settings, media_root)
        return ask_one(client, question, settings, media_root)

    talks = any(question.follows for question in questions.values())
    talk = Talk(questions, said_in(out) if talks else {})

    return await ask_all(questions, answer, out, server, settings, pace, key, note)


async def ask_in_orders(
    client: AsyncOpenAI, asked: Prompted, question: Question, orders: list[str], settings: Settings, media_root: Path
) -> dict[str, Any]:
    """The row of what the replies to all orders give together."""
    letters, replies = asked.letters, list[Reply]()
    for order in orders:
        messages = prompt.messages(votes.reordered(question, order))
        turned = Prompted.model_validate({"id": question.id, "messages": messages, "letters": letters})
        replies.append(await _reply(client, turned, settings, media_root))
    ballots = [
        votes.by_letter(reply.output, letters, order, question.options)
        for reply, order in zip(replies, orders, strict=True)
    ]
    return {
        **votes.decided(ballots, letters, asked, settings),
        **replies[0].model_dump(),
        "outputs": [reply.output for reply in replies],
        "orders": orders,
        "completion_tokens": sum(reply.completion_tokens for reply in replies),
    }


async def ask_turn(
    client: AsyncOpenAI, question: Prompted, talk: Talk, settings: Settings, media_root: Path
) -> dict[str, Any]:
    """The row of one turn, asked after the model's own answers to those before it."""
    output = None
    try:
        row = await ask_one(client, await talk.whole(question), settings, media_root)
        output = row["output"]
    finally:
        talk.answered(question.id, output)
    return row | {"messages_sha256": question.messages_sha256}  # of the question, whatever was answered before it


def said_in(out: Path) -> dict[str, str]:
    """What earlier runs answered."""
    with RowLog(out) as log:
        return {id: row["output"] for id, row in log.rows.items()}


async def _reply(client: AsyncOpenAI, question: Prompted, settings: Settings, media_root: Path | str) -> Reply:
    order = settings.frame_order if isinstance(settings, FrameSettings) else "ordered"
    body = await asyncio.to_thread(request_body, question, media_root, sampling=settings.sampling, order=order)
    return await complete(client, body, settings)


async def ask_one(
    client: AsyncOpenAI, question: Prompted, settings: Settings, media_root: Path | str
) -> dict[str, Any]:
    """The row of one answer."""
    reply = await _reply(client, question, settings, media_root)
    return {
        "id": question.id,
        "messages_sha256": question.messages_sha256,
        "settings": settings.model_dump(),
        "letter": extract_choice(reply.output, question.letters),
        **reply.model_dump(),
    }
