"""Pixels, frames and tokens against the recipe: what is shrunk, left out, dated wrongly or cut off before the model."""

from collections.abc import Iterator, Sequence

from firsthand.data.check.token_count import Frames
from firsthand.data.read.media_headers import Look
from firsthand.data.read.sample import Sample
from firsthand.findings import InRow, row_rule
from firsthand.media.budget import within
from firsthand.media.limits import Limits

SHRUNK = row_rule(
    "shrunk",
    "info",
    "media over the pixel budget",
    "none needed in training; a server knows no budget and shows more: store media within it",
)
SPARSE = row_rule(
    "frames-left-out",
    "warning",
    "videos longer than video_maxlen / video_fps",
    "raise video_maxlen or lower video_fps (in veRL data.media.video: max_frames and fps)",
)
MANY = row_rule(
    "frames-many",
    "warning",
    "frame lists longer than video_maxlen",
    "shorten the lists: video_maxlen cuts video files only",
)
RATE = row_rule(
    "frame-rate",
    "error",
    "frames without their rate",
    "write raw_fps beside the frames: their times in the prompt come from it",
)
SEVERAL = row_rule(
    "videos-several",
    "error",
    "videos that LLaMA-Factory dates wrongly",
    "one video per row, in its first turn: it takes frames and times of Qwen3-VL by the number of the turn",
)
LONG = row_rule(
    "too-long",
    "error",
    "rows longer than the recipe allows",
    "raise the limit, show fewer frames, or lower the pixel budget: cut media break the model",
)
CONTEXT = row_rule(
    "too-long-model", "error", "rows longer than the model can hold", "show fewer frames or fewer pixels"
)
REFUSED = row_rule(
    "refused",
    "error",
    "rows that the processor or the chat template refuses",
    "see the message; correct media or turns",
)
UNCOUNTED = row_rule(
    "uncounted",
    "info",
    "rows whose tokens were not counted",
    "correct what else is wrong with them; video files of questions are sampled as they are asked",
)


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
        if video.frames is None and len(frames.indices) >= limits.video_maxlen:
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
