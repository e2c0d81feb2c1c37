"""What a build asks: a caption of a clip's frames, a summary of the notes below it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from firsthand import clock
from firsthand.errors import UserError
from firsthand.llm.faults import Failed
from firsthand.llm.messages import image_part, text_part
from firsthand.memory.records import Record

MAX_TOKENS = {"30s": 400, "10min": 1000, "1hour": 1600, "1day": 4000}


def caption(model: str, clip: Record, frames: Path, fps: float, pixels: int) -> dict[str, Any]:
    """`frames` is the root of a frame store."""
    from firsthand.media.store import FrameStore

    try:
        seen = FrameStore(frames).frames(clip.source, clip.start, clip.end, fps=fps)
        shown = [
            (one.moment, one.jpeg(pixels)) for one in seen if one.moment < clip.end
        ]  # the next clip begins at its end
    except (UserError, OSError) as error:
        raise Failed(str(error)) from None
    if not shown:
        raise Failed("no frame of it is stored")
    content: list[dict[str, Any]] = []
    for moment, jpeg in shown:
        content += [text_part(clock.stamp(moment)), image_part(jpeg)]
    return _body(model, "30s", content)


def summary(model: str, level: str, group: Sequence[Record]) -> dict[str, Any]:
    return _body(model, level, "\n\n".join(f"{clock.format_range(one.start, one.end)}\n{one.text}" for one in group))


def _body(model: str, level: str, content: Any) -> dict[str, Any]:
    return {
        "model": model,
        "messages": [{"role": "system", "content": _prompt(level)}, {"role": "user", "content": content}],
        "temperature": 0.0,
        "seed": 0,
        "max_tokens": MAX_TOKENS[level],
    }


@cache
def _prompt(level: str) -> str:
    return Path(__file__).with_name(f"{level}.txt").read_text()
