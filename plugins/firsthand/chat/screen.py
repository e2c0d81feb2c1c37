"""What a conversation looks like: the words of the agent as they arrive, its calls, and the frames that they found.

Frames are written to a folder; if the output is a terminal, they are also shown as coloured blocks. Control characters
from a model are dropped: its words must not be able to move the cursor. Keys that a server gives back are not shown.
"""

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

from PIL import Image as Picture
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from firsthand import clock, files
from firsthand.files import storable
from firsthand.llm.keys import redact
from firsthand.tools.protocol import Outcome

LONGEST = 600  # characters of what a tool said; the model reads all of it
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Screen:
    def __init__(self, console: Console, folder: Path):
        self._console, self._folder = console, folder

    def say(self, text: str, style: str = "", end: str = "\n") -> None:
        plain = Text(_CONTROL.sub("", storable(redact(text))), style)
        self._console.print(plain, end=end, highlight=False, soft_wrap=True)

    def words(self, piece: str) -> None:
        self.say(piece, "dim", end="")

    def end_of_turn(self, cut: bool) -> None:
        self.say(" [cut: the limit of tokens]" if cut else "", "yellow")

    def call(self, name: str, arguments: dict[str, Any] | str) -> None:
        self.say(f"→ {name} {json.dumps(arguments, ensure_ascii=False)}", "cyan")

    def outcome(self, outcome: Outcome, source: str) -> None:
        found = f", {len(outcome.images)} frames" if outcome.images else ""
        self.say(f"← {outcome.status} in {outcome.seconds:.3f} s{found}", "green" if outcome.status == "ok" else "red")
        for image in outcome.images:
            digest = hashlib.sha256(image.jpeg).hexdigest()[:8]
            path = self._folder / source / f"{clock.stamp(image.moment)}_{digest}.jpg"
            files.write_bytes(path, image.jpeg)
            self.say(f"  {path}", "cyan")
        if outcome.images and self._console.is_terminal:
            self._console.print(blocks(outcome.images[0].jpeg))

    def heard(self, text: str) -> None:
        more = f" ... ({len(text)} characters)" if len(text) > LONGEST else ""
        self.say(f"  {text[:LONGEST]}{more}".replace("\n", "\n  "))


def blocks(jpeg: bytes, width: int = 48) -> Text:
    """A picture in coloured half blocks: two pixels per character."""
    with Picture.open(io.BytesIO(jpeg)) as picture:
        height = max(2, round(width * picture.height / picture.width) // 2 * 2)
        small = picture.convert("RGB").resize((width, height))
    text = Text()
    for y in range(0, height, 2):
        for x in range(width):
            upper, lower = (Color.from_rgb(*small.getpixel((x, row))) for row in (y, y + 1))
            text.append("▀", Style(color=upper, bgcolor=lower))
        text.append("\n")
    return text
