"""Pixels, frames and tokens against the recipe: what is shrunk, left out, dated wrongly or cut off before the model."""

from collections.abc import Iterator, Sequence

from firsthand.data.check.token_count import Frames
from firsthand.data.read.media_headers import Look
from firsthand.data.read.sample import Sample
from firsthand.findings import ROW_RULES, InRow
from firsthand.media.budget import within
from firsthand.media.limits import Limits

SHRUNK = ROW_RULES["shrunk"]
SPARSE = ROW_RULES["frames-left-out"]
MANY = ROW_RULES["frames-many"]
RATE = ROW_RULES["frame-rate"]
SEVERAL = ROW_RULES["videos-several"]
LONG = ROW_RULES["too-long"]
CONTEXT = ROW_RULES["too-long-model"]
REFUSED = ROW_RULES["refused"]
UNCOUNTED = ROW_RULES["uncounted"]


def check(
    sample: Sample, images: Sequence[Look], videos: Sequence[Frames], limits: Limits, stamps: bool
) -> Iterator[InRow]:
    small = [(look.width, look.height, limits.image) for look in images]
    small += [(frames.width, frames.height, limits.video) for frames in videos]
    over = [(w, h) for w, h, budget in small if budget and w * h > budget[1]]
    if over:
        (width, height), budget = over[0], limits.image if images else limits.video
        to = within(width, height, budget)
        yield SHRUNK, f"{len(over)} of {len(small)}, such as {width} x {height} to {to[0]} x {to[1]}"
    for video, frames in zip(sample.videos, videos, strict=True):
        if video.frames is not None and len(video.frames) > limits.video_maxlen and sample.form == "llamafactory":
            yield MANY, f"{len(video.frames)} frames, video_maxlen is {limits.video_maxlen}"
        if video.frames is not None and video.fps is None and sample.form == "verl":
            yield RATE, f"{len(video.frames)} frames, no raw_fps"
        if video.frames is None and limits.video_minlen < limits.video_maxlen <= len(frames.indices):
            yield SPARSE, f"{video.file}: {limits.video_maxlen} frames stand for all of it"
    if stamps and sample.form == "llamafactory" and sample.videos:
        yield from _dated(sample, videos)


def _dated(sample: Sample, videos: Sequence[Frames]) -> Iterator[InRow]:
    """LLaMA-Factory takes the times of a video from the one that has the number of the turn, frames from the first."""
    turns = [turn for turn in sample.turns if turn.role != "system"]
    holders = [number for number, turn in enumerate(turns) for _ in range(turn.text.count("<video>"))]
    for number, holder in enumerate(holders):
        if holder >= len(videos):
            yield SEVERAL, f"a video in turn {holder + 1} of a row with {len(videos)}: it stops with an IndexError"
            return
        if videos[holder].indices != videos[number].indices or len(videos[0].indices) != len(videos[number].indices):
            yield SEVERAL, f"video {number + 1} would get the times of video {holder + 1} and the frames of video 1"
            return


def length(tokens: int, limits: Limits, context: int | None) -> Iterator[InRow]:
    if limits.tokens is not None and tokens > limits.tokens:
        yield LONG, f"{tokens} tokens, {limits.key} is {limits.tokens}"
    if context is not None and tokens > context:
        yield CONTEXT, f"{tokens} tokens, the model's context is {context}"
