"""Conversations in pieces of half a megabyte: inside the page while all are small, or else files beside it.

A page opened from a file may not fetch other files, but it may load scripts. So a chunk is a script that hands its
content to the page, with the mark of its build: a page refuses the chunks of another page.
"""

import json
import re
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Any

from firsthand.errors import UserError

CHUNK = 500_000  # characters
INLINE = 4_500_000  # characters of all chunks together


def as_json(value: Any) -> str:
    """JSON that is safe inside a script element, whatever text is in it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


class Chunks:
    """Rows in order; `close` says what goes into the page, and moves the files to their place."""

    def __init__(self, folder: Path, inline: int = INLINE):
        if folder.exists() and not all(re.fullmatch(r"\d{5}\.js", path.name) for path in folder.iterdir()):
            raise UserError(f"{folder}: has files that are not chunks of a page; choose another --out")
        self.folder, self.inline = folder, inline
        self.build = secrets.token_hex(6)
        self.starts: list[int] = []  # the number of the first row of each chunk
        self.kept: list[str] = []  # chunks, while they may still go into the page
        self.spilled: Path | None = None
        self.size = self._count = self._length = 0
        self._rows: list[str] = []
        self._frames: dict[str, str] = {}

    def add(self, row: dict[str, Any], frames: dict[str, str]) -> None:
        """`frames` are pictures by name, kept once per chunk."""
        text = as_json(row)
        self._length += len(text) + sum(len(url) for name, url in frames.items() if name not in self._frames)
        self._rows.append(text)
        self._frames |= frames
        if self._length > CHUNK:
            self._flush()

    def close(self) -> list[str]:
        """The chunks that the page itself has to hold."""
        self._flush()
        if self.folder.exists():
            shutil.rmtree(self.folder)
        if self.spilled:
            self.spilled.chmod(0o755)
            self.spilled.rename(self.folder)
        return self.kept

    def discard(self) -> None:
        if self.spilled:
            shutil.rmtree(self.spilled, ignore_errors=True)

    def _flush(self) -> None:
        if not self._rows:
            return
        content = f'{{"rows":[{",".join(self._rows)}],"frames":{as_json(self._frames)}}}'
        self.starts.append(self._count)
        self._count += len(self._rows)
        self.size += len(content)
        self.kept.append(content)
        if self.spilled or self.size > self.inline:
            self._spill()
        self._rows, self._frames, self._length = [], {}, 0

    def _spill(self) -> None:
        if self.spilled is None:
            self.spilled = Path(tempfile.mkdtemp(dir=self.folder.parent, prefix=f".{self.folder.name}."))
        first = len(self.starts) - len(self.kept)
        for number, content in enumerate(self.kept, first):
            script = f'chunk("{self.build}",{number},{content});\n'
            (self.spilled / f"{number:05}.js").write_text(script, encoding="utf-8")
        self.kept = []
