"""The rows to choose from, each as a question that can be put in three ways: blind, full, masked.

Rows are those of veRL or of `firsthand eval`, read one by one: a pool may be larger than memory. What is chosen is
written as it was read, in the same format.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from firsthand.data.read.data_file import Source, find
from firsthand.data.read.rows import Rows
from firsthand.data.read.sample import Sample, Unreadable, whole
from firsthand.errors import UserError, first_problem
from firsthand.files import replacing, spare, write_json
from firsthand.llm.messages import Image, Message, Prompted, Text, Video

PLACEHOLDER = re.compile(r"(<image>|<video>)")
STAMP = re.compile(r"<(?:\d+\.\d seconds|frame \d+ of \d+)>$")  # what the renderer writes before an image


@dataclass(frozen=True)
class Row:
    number: int  # in its file
    id: str
    asked: Prompted | None = None  # None: it cannot be asked
    truth: Any = None
    info: dict[str, Any] = field(default_factory=dict)  # what a reward may know of it
    data_source: str = ""
    problem: str = ""  # why it cannot be asked

    @cached_property
    def frames(self) -> list[str]:
        """The paths of all that is shown; a video file has none before it is sampled."""
        shown: list[str] = []
        for part in self._media:
            shown += [part.image] if isinstance(part, Image) else part.video if isinstance(part.video, list) else []
        return shown

    @property
    def has_media(self) -> bool:
        return bool(self._media)

    @property
    def _media(self) -> list[Image | Video]:
        messages = self.asked.messages if self.asked else []
        return [part for message in messages for part in message.parts if not isinstance(part, Text)]

    @property
    def label(self) -> str:
        return str(self.info.get("label") or "")


def blind(asked: Prompted) -> Prompted:
    """The question alone, as the renderer writes one that has no media: plain text, no placeholder, no stamp."""
    return asked.model_copy(update={"messages": [_without_media(message) for message in asked.messages]})


def _without_media(message: Message) -> Message:
    if isinstance(message.content, str):
        return message
    followed = [*message.content[1:], None]
    said = [
        part.text if isinstance(after, Text | None) else STAMP.sub("", part.text)
        for part, after in zip(message.content, followed, strict=True)
        if isinstance(part, Text)
    ]
    return message.model_copy(update={"content": "".join(said)})


class Pool:
    def __init__(self, path: Path, media_root: Path | None) -> None:
        self.source: Source = find(str(path), Path(), media_root)
        if self.source.form == "llamafactory":
            raise UserError(f"{path}: these rows are answered already; give rows of veRL or of `firsthand eval`")
        self.root = self.source.root

    def __len__(self) -> int:
        return sum(piece.count for piece in Rows(self.source.file).pieces())

    def __iter__(self) -> Iterator[Row]:
        """Every row, also one that cannot be asked: it must stand in the ledger."""
        seen: set[str] = set()
        for number, content in Rows(self.source.file):
            row = self._row(number, content)
            if row.id in seen:
                raise UserError(f"{self.source.file}: row {number} repeats the id {row.id!r}; ids must be unique")
            seen.add(row.id)
            yield row
        if not seen:
            raise UserError(f"{self.source.file}: the pool is empty; there is nothing to select from")

    def _row(self, number: int, content: Any) -> Row:
        try:
            sample = self.source.read(content)
            facts = self._facts(whole(content))
            if not sample.id:
                raise Unreadable("no id; scores are matched to rows by it")
            return Row(number, sample.id, _asked(sample), **facts)
        except Unreadable as why:
            return Row(number, f"row {number}", problem=str(why))

    def _facts(self, row: dict[str, Any]) -> dict[str, Any]:
        if self.source.form == "verl":
            truth, info = row["reward_model"]["ground_truth"], row.get("extra_info") or {}
        else:
            truth, info = row.get("answer"), {key: row[key] for key in row if key != "messages"}
        if truth in (None, ""):
            raise Unreadable("no answer, so nothing can be rewarded")
        return {"truth": truth, "info": info, "data_source": str(row.get("data_source"))}

    def write(self, numbers: Collection[int], out: Path) -> None:
        """These rows as they stand in the file, in its order."""
        spare([self.source.file], out)
        if out.suffix == ".parquet":
            _write_table(self.source.file, numbers, out)
        elif out.suffix == ".jsonl":
            with replacing(out) as partial, partial.open("wb") as handle, self.source.file.open("rb") as lines:
                handle.writelines(line.rstrip(b"\n") + b"\n" for n, line in enumerate(lines, 1) if n in numbers)
        else:
            write_json(out, [row for number, row in Rows(self.source.file) if number in numbers])


def _write_table(file: Path, numbers: Collection[int], out: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    table, at = parquet.ParquetFile(file), 1
    with replacing(out) as partial, parquet.ParquetWriter(partial, table.schema_arrow) as writer:
        for batch in table.iter_batches():
            writer.write_batch(batch.filter(pa.array([n in numbers for n in range(at, at + len(batch))])))
            at += len(batch)


def _asked(sample: Sample) -> Prompted:
    """A row as a request; its media in the places of their placeholders."""
    images, videos = iter(sample.images), iter(sample.videos)

    def part(piece: str) -> dict[str, Any]:
        if piece == "<image>":
            return {"type": "image", "image": next(images)}
        if piece == "<video>":
            video = next(videos)
            return {"type": "video", "video": video.frames or video.file, "fps": video.fps if video.frames else None}
        return {"type": "text", "text": piece}

    try:
        messages = []
        for turn in sample.turns:
            pieces = [piece for piece in PLACEHOLDER.split(turn.text) if piece]
            only_text = not any(PLACEHOLDER.fullmatch(piece) for piece in pieces)
            messages.append({"role": turn.role, "content": turn.text if only_text else [*map(part, pieces)]})
        if next(images, None) or next(videos, None):
            raise Unreadable("it has more media than placeholders")
        return Prompted.model_validate({"id": sample.id, "messages": messages, "letters": sample.letters or ""})
    except StopIteration:
        raise Unreadable("it has fewer media than placeholders") from None
    except ValidationError as error:
        raise Unreadable(first_problem(error, "row")) from None
