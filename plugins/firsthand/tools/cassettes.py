"""Recordings of external calls: an answer that was paid for once is the same in every rollout and every run.

A recording is one file named by the hash of what was asked (model, prompt, sampling, question, media), written whole
or not at all, so any number of processes and machines may share, copy and merge a folder. The text of a key is taken
out of a recording before it is written; a key is not part of the hash.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal
from weakref import WeakValueDictionary

from firsthand import files
from firsthand.errors import UserError
from firsthand.llm.faults import Failed
from firsthand.llm.keys import redact
from firsthand.llm.reply_cache import key_of
from firsthand.tools.text import every_string, shorten

log = logging.getLogger(__name__)
Mode = Literal["off", "record", "replay", "auto"]


class NotRecorded(Failed):
    """A call that has no recording, where only recordings may answer."""


class Cassettes:
    """`record` asks always, `replay` never, `auto` what it does not have; `off` keeps nothing."""

    def __init__(self, folder: Path | str, mode: Mode):
        self._folder, self.mode = Path(folder), mode
        self._asking: WeakValueDictionary[tuple[Any, str], asyncio.Lock] = WeakValueDictionary()

    async def play(
        self, request: dict[str, Any], ask: Callable[[], Awaitable[dict[str, Any]]]
    ) -> tuple[dict[str, Any], bool]:
        """The response, and whether it is a recording. The same request is not asked twice at the same time."""
        if self.mode == "off":
            return await ask(), False
        key = key_of(request)
        path = self._folder / key[:2] / f"{key}.json"
        if self.mode == "record":
            return await self._record(path, request, ask), False
        lock = self._asking.setdefault((asyncio.get_running_loop(), key), asyncio.Lock())
        async with lock:
            if (response := await asyncio.to_thread(_read, path)) is not None:
                return response, True
            if self.mode == "replay":
                what = ", ".join(f"{name} {shorten(value)}" for name, value in request.items())
                raise NotRecorded(f"no recording {path} of {what}")
            return await self._record(path, request, ask), False

    @staticmethod
    async def _record(path: Path, request: dict[str, Any], ask: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
        """The response was paid for: it is used even where it cannot be kept."""
        response = every_string(await ask(), redact)
        recording = {"request": every_string(request, redact), "response": response}
        try:
            await asyncio.to_thread(files.write_json, path, recording)
        except UserError as error:
            log.warning("not recorded, so it may be asked and paid for again: %s", error)
        return response


def _read(path: Path) -> dict[str, Any] | None:
    """None: no recording, or one that cannot be read or is damaged, which is recorded again."""
    try:
        response = files.loads(path.read_bytes())["response"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return response if isinstance(response, dict) else None
