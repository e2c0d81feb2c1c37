"""One row as the model sees it: the chat template and the real processor run, and what came out is taken apart again.

Nothing here is an estimate. The token ids are those of the processor; every medium is the image that it was given.
"""

import base64
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from PIL import Image

from firsthand.data.check.rules import placeholders
from firsthand.data.check.token_count import Counter
from firsthand.data.read.data_file import Source
from firsthand.data.read.sample import Sample, Video
from firsthand.errors import UserError
from firsthand.html.render import render
from firsthand.media.limits import Budget
from firsthand.media.paths import inside
from firsthand.media.reading import image_faults, read_clip, read_image

THUMBNAIL = 360  # pixels of the longer side
NO_LIMIT = (1, 10**9)
TURN = re.compile(r"<\|im_start\|>(\w+)\n(.*?)(<\|im_end\|>\n?|$)", re.DOTALL)
MEDIUM = re.compile(
    r"(?:<(?P<seconds>\d+\.\d) seconds>)?<\|vision_start\|>(?P<pads>(?:<\|(?:image|video)_pad\|>)+)<\|vision_end\|>"
)


@dataclass
class Medium:
    kind: str
    names: list[str]
    pictures: list[Image.Image]
    tokens: int
    seconds: str | None = None

    @property
    def size(self) -> str:
        return f"{self.pictures[0].width} x {self.pictures[0].height}"

    @property
    def line(self) -> str:
        when = f" at {self.seconds} s" if self.seconds else ""
        shown = self.names[0] if len(self.names) == 1 else f"{self.names[0]} ... {self.names[-1]} ({len(self.names)})"
        return f"[{self.kind}{when}: {shown}, {self.size}, {self.tokens} tokens]"

    @property
    def urls(self) -> list[str]:
        return [_data_url(picture) for picture in self.pictures]


@dataclass
class Turn:
    role: str
    pieces: list[str | Medium]
    tokens: int
    learnt: bool

    @property
    def blocks(self) -> list[tuple[bool, list[str | Medium]]]:
        """Runs of media, and the texts between them."""
        return [(seen, list(run)) for seen, run in groupby(self.pieces, lambda piece: isinstance(piece, Medium))]


@dataclass
class Shown:
    source: Source
    number: int
    model: str
    tokens: int
    turns: list[Turn] = field(default_factory=list)
    raw: str = ""  # the decoded ids, with repeated tokens of a medium as one and their number

    @property
    def media(self) -> list[Medium]:
        return [piece for turn in self.turns for piece in turn.pieces if isinstance(piece, Medium)]

    @property
    def vision(self) -> int:
        return sum(medium.tokens for medium in self.media)


def show(source: Source, number: int, counter: Counter, model: str) -> Shown:
    sample = read_row(source, number)
    for kind, why in placeholders.check(sample):
        raise UserError(f"{source.file}: row {number}: {why}; {kind.fix}")
    images = [_picture(source, path, source.limits.image) for path in sample.images]
    videos = [_clip(source, video) for video in sample.videos]
    ids = _ids(sample, counter, images, videos)
    text = counter.tokenizer.decode(ids)
    shown = Shown(source, number, model, len(ids), raw=_collapsed(text))
    stills = iter(zip(sample.images, images, strict=True))
    clips = iter(videos)
    for role, content, end in TURN.findall(text):
        pieces = list(_pieces(content, stills, clips, counter))
        tokens = len(counter.tokenizer(f"<|im_start|>{role}\n{content}{end}")["input_ids"])
        shown.turns.append(Turn(role, pieces, tokens, role == "assistant" and sample.form == "llamafactory"))
    return shown


def read_row(source: Source, number: int) -> Sample:
    for _, sample in source.samples(only=number):
        return sample
    raise UserError(f"{source.file}: no row {number}; rows are counted from 1")


@dataclass
class Clip:
    names: list[str]
    pictures: list[Image.Image]
    metadata: dict[str, Any]
    shown: int = 0  # frames that earlier groups of this clip showed


def _picture(source: Source, path: str | bytes, budget: Budget) -> Image.Image:
    with image_faults(path if isinstance(path, str) else "an embedded image"):
        picture = Image.open(io.BytesIO(path) if isinstance(path, bytes) else inside(source.root, path))
        return read_image(picture, budget[1], budget[0]) if budget else picture.convert("RGB")


def _clip(source: Source, video: Video) -> Clip:
    """The frames that the model is shown, with their times as the processor takes them."""
    limits = source.limits
    if video.frames is not None:
        names, pictures = list(video.frames), [_picture(source, path, limits.video) for path in video.frames]
        fps, times = video.fps or limits.video_fps, [float(index) for index in range(len(names))]
    else:
        fps, (fewest, most) = limits.video_fps, limits.video or NO_LIMIT
        path = inside(source.root, video.file or "")
        held = read_clip(path, fps, limits.video_maxlen, most, fewest, min_frames=limits.video_minlen)
        names, pictures = [f"{video.file} frame {number}" for number in held.numbers], held.frames
        times = [number / held.rate * fps for number in held.numbers]
    if source.form == "llamafactory" and len(pictures) % 2:
        names, pictures = [*names, names[-1]], [*pictures, pictures[-1]]
    return Clip(names, pictures, {"fps": fps, "frames_indices": times, "total_num_frames": len(pictures)})


def _ids(sample: Sample, counter: Counter, images: list[Image.Image], videos: list[Clip]) -> list[int]:
    given: dict[str, Any] = {"images": images} if images else {}
    if videos:
        given["videos"] = [clip.pictures for clip in videos]
        given |= {"video_metadata": [clip.metadata for clip in videos], "do_sample_frames": False}
    try:
        text = counter.render(sample)
        if not given:
            return counter.tokenizer(text)["input_ids"]
        return counter.processor(text=[text], **given)["input_ids"][0]
    except (ValueError, IndexError, StopIteration) as error:
        raise UserError(f"the processor refuses the row: {error}; firsthand data check says what is wrong") from None


def _pieces(text: str, images: Iterator, clips: Iterator[Clip], counter: Counter) -> Iterator[str | Medium]:
    at, clip, pair = 0, None, counter.video.temporal_patch_size if counter.video else 1
    for match in MEDIUM.finditer(text):
        if before := text[at : match.start()]:
            yield before
        at, tokens = match.end(), match["pads"].count("|>")
        if "image_pad" in match["pads"]:
            name, picture = next(images)
            yield Medium("image", [name if isinstance(name, str) else "embedded"], [picture], tokens)
            continue
        if clip is None or clip.shown >= len(clip.pictures):
            clip = next(clips)
        group = pair if match["seconds"] else len(clip.pictures)
        part = slice(clip.shown, clip.shown + group)
        clip.shown += group
        kind = "frames" if match["seconds"] else "video"
        yield Medium(kind, clip.names[part], clip.pictures[part], tokens, match["seconds"])
    if rest := text[at:]:
        yield rest


def _collapsed(text: str) -> str:
    def once(match: re.Match[str]) -> str:
        return f"{match[1]} x {len(match[0]) // len(match[1])}"

    return re.sub(r"(<\|(?:image|video)_pad\|>)\1*", once, text)


def as_text(shown: Shown) -> str:
    lines = [f"{shown.source.file} row {shown.number}: {shown.tokens} tokens, {shown.vision} of them media"]
    for turn in shown.turns:
        learnt = ", learnt" if turn.learnt else ""
        lines.append(f"\n--- {turn.role} ({turn.tokens} tokens{learnt})")
        lines.append("".join(piece if isinstance(piece, str) else f"{piece.line}\n" for piece in turn.pieces))
    return "\n".join(lines)


def as_html(shown: Shown) -> str:
    return render(Path(__file__).with_name("show.html.jinja"), shown=shown, limits=shown.source.limits)


def _data_url(picture: Image.Image) -> str:
    small, buffer = picture.copy(), io.BytesIO()
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    small.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
