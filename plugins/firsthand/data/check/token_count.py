"""How many tokens a row costs, by the rules of the model's own processor, from sizes alone.

The prompt is rendered by the model's chat template with one token for each medium and then expanded as the processor
expands it: time stamps of Qwen3-VL become text, and the other tokens of a medium are counted, not written. What a
framework does to the pixels before the processor sees them is in `Limits`.
"""

import inspect
import json
import math
import re
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from firsthand.data.read.media_headers import Look
from firsthand.data.read.sample import Sample, Turn, Video
from firsthand.errors import UserError
from firsthand.media.budget import within
from firsthand.media.limits import Limits
from firsthand.media.reading import spread
from firsthand.recipe import named_files
from firsthand.recipe.chat_templates import Template

PLACEHOLDER = re.compile("(<image>|<video>)")
FILLED = re.compile(r"(?:<\|vision_start\|>)?<\|(image|video)_pad\|>(?:<\|vision_end\|>)?")
CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
THOUGHT = re.compile(r"<think>\n(.*?)\n</think>\n\n", re.DOTALL)  # with these line breaks: LLaMA-Factory reads no other


class Frames(NamedTuple):
    """The frames that a model is shown: their times are indices / fps."""

    width: int
    height: int
    indices: list[float]
    fps: float


class Prompt(NamedTuple):
    text: str  # with one token for each medium, or for each pair of frames
    hidden: int  # media tokens that `text` leaves out


class Counter:
    """The tokenizer and the processor of a model."""

    def __init__(self, model: str):
        self.processor = load(model)
        self.tokenizer = getattr(self.processor, "tokenizer", self.processor)
        self.image = getattr(self.processor, "image_processor", None)
        self.video = getattr(self.processor, "video_processor", None)
        self.stamps = getattr(self.processor, "_calculate_timestamps", None)
        if self.image is not None and not hasattr(self.image, "get_number_of_image_patches"):
            name = type(self.processor).__name__
            raise UserError(f"--model {model}: tokens of a {name} cannot be counted; leave --model out")
        if self.video is not None:
            self.resize = sys.modules[type(self.video).__module__].smart_resize
            self.timed = "num_frames" in inspect.signature(self.resize).parameters
        if not self.processor.chat_template:
            raise UserError(f"--model {model}: no chat template; copy chat_template.jinja from the base model")
        self.context = _context(model)
        template = Template(model, self.processor.chat_template)
        self._describes = cache(lambda tools: template.describes_tools(json.loads(tools)))

    def lengths(self, prompts: Sequence[Prompt]) -> list[int]:
        if not prompts:
            return []
        ids = self.tokenizer([prompt.text for prompt in prompts], return_attention_mask=False)["input_ids"]
        return [len(one) + prompt.hidden for one, prompt in zip(ids, prompts, strict=True)]

    def prompt(self, sample: Sample, images: Sequence[Look], videos: Sequence[Frames], limits: Limits) -> Prompt:
        """ValueError when the processor or the template refuses the row."""
        sizes = [self.image_tokens(*within(look.width, look.height, limits.image)) for look in images]
        clips = [self._clip(sample, frames, limits) for frames in videos]
        left = {"image": iter([("<|image_pad|>", size - 1) for size in sizes]), "video": iter(clips)}
        hidden = 0

        def expand(match: re.Match[str]) -> str:
            nonlocal hidden
            text, more = next(left[match[1]])
            hidden += more
            return f"<|vision_start|>{text}<|vision_end|>" if match[1] == "image" or self.stamps is None else text

        return Prompt(FILLED.sub(expand, self.render(sample)), hidden)

    def render(self, sample: Sample) -> str:
        from jinja2 import TemplateError

        if sample.tools and not self._describes(json.dumps(sample.tools)):
            raise ValueError("the chat template describes no tools: a server would not show the model those of the row")
        try:
            return self.processor.apply_chat_template(
                conversation(sample.turns),
                tools=sample.tools,
                add_generation_prompt=sample.form != "llamafactory" or sample.ranking,
                tokenize=False,
            )
        except (TemplateError, TypeError, KeyError) as error:
            raise ValueError(f"the chat template refuses the row ({error})") from None

    def image_tokens(self, width: int, height: int) -> int:
        if self.image is None:
            raise ValueError("the model takes no images")
        return self.image.get_number_of_image_patches(height, width, {}) // self.image.merge_size**2

    def _clip(self, sample: Sample, frames: Frames, limits: Limits) -> tuple[str, int]:
        """The text of a video, and the tokens of it that are not written."""
        if self.video is None:
            raise ValueError("the model takes no videos")
        video, count = self.video, len(frames.indices)
        if sample.form == "llamafactory":
            count += count % 2  # it doubles the last frame before the processor sees them
        width, height = within(frames.width, frames.height, limits.video)
        timed = {"num_frames": count, "temporal_factor": video.temporal_patch_size} if self.timed else {}
        height, width = self.resize(
            height=height, width=width, factor=video.patch_size * video.merge_size,
            min_pixels=video.size["shortest_edge"], max_pixels=video.size["longest_edge"], **timed,
        )  # fmt: skip
        groups = math.ceil(count / video.temporal_patch_size)
        each = (height // video.patch_size) * (width // video.patch_size) // video.merge_size**2
        if self.stamps is None:
            return "<|video_pad|>", groups * each - 1
        times = self.stamps(list(frames.indices), frames.fps, video.temporal_patch_size)
        shown = (f"<{time:.1f} seconds><|vision_start|><|video_pad|><|vision_end|>" for time in times)
        return "".join(shown), groups * (each - 1)


def sampled(video: Video, looks: Sequence[Look], limits: Limits) -> Frames:
    """The frames of a video that a model is shown: all of a list, some of a file (`media.reading.spread`)."""
    first = looks[0]
    if video.frames is not None:
        indices: list[float] = list(range(len(video.frames)))
        return Frames(first.width, first.height, indices, video.fps or limits.video_fps)
    total = first.frames or limits.video_maxlen
    numbers = spread(total, first.seconds, limits.video_fps, limits.video_maxlen, limits.video_minlen)
    indices = [number / first.fps * limits.video_fps for number in numbers]
    return Frames(first.width, first.height, indices, limits.video_fps)


def conversation(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Turns as a chat template takes them."""
    messages = []
    for role, written in turns:
        text = called(written) if role == "call" else written
        parts = [
            {"type": piece[1:-1]} if PLACEHOLDER.fullmatch(piece) else {"type": "text", "text": piece}
            for piece in PLACEHOLDER.split(text)
            if piece
        ]
        content = parts if PLACEHOLDER.search(text) else text
        messages.append({"role": "assistant" if role == "call" else role, "content": content})
    return messages


def called(text: str) -> str:
    """A turn that calls tools as LLaMA-Factory writes it for Qwen; ValueError when it would stop at it."""
    if match := CALL.search(text):
        thought, content = text.replace(match[0], ""), match[1]
    else:
        match = THOUGHT.search(text)
        thought = match[0] if match else ""
        content = text.replace(thought, "")
    calls = json.loads(content)
    calls = calls if isinstance(calls, list) else [calls]
    if not calls or not all(isinstance(call, dict) and {"name", "arguments"} <= set(call) for call in calls):
        raise ValueError("a call has no `name` and `arguments`")
    written = (json.dumps({key: call[key] for key in ("name", "arguments")}, ensure_ascii=False) for call in calls)
    return thought + "\n".join(f"<tool_call>\n{call}\n</tool_call>" for call in written)


def load(model: str) -> Any:
    path = Path(model)
    if not path.is_dir() and (named_files.is_local(model) or (path.parent.name and path.parent.is_dir())):
        # A mistyped folder looks like a name of the hub, whose client tries for minutes to reach it.
        raise UserError(f"--model {model}: no processor or tokenizer can be loaded (there is no such folder)")
    from transformers import AutoProcessor
    from transformers.utils import logging

    logging.set_verbosity_error()
    try:
        return AutoProcessor.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise UserError(f"--model {model}: no processor or tokenizer can be loaded ({str(error)[:200]})") from None


def _context(model: str) -> int | None:
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(model)
    except (OSError, ValueError):
        return None
    return getattr(config.get_text_config(), "max_position_embeddings", None)
