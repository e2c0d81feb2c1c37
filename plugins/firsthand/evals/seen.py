"""What a run could see, as short hashes that stand in its results: media, memory, frames, tools.

Published numbers of one system differ by twenty points through the captions alone (Ego-R1 on Video-MME), so a score
without its memory is half a score. Two runs with equal hashes saw the same files.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from firsthand.errors import UserError
from firsthand.media.index import reading
from firsthand.media.paths import inside
from firsthand.rollout.prompt import media_of
from firsthand.tools.catalogue import read

Seen = dict[str, str]
MISSING = "missing"
_ENDS = 65_536  # bytes at either end of a medium: a hundred hours of video are not read for a hash
_SHOWN = 16  # digits


def of_media(rows: Iterable[Mapping[str, Any]], root: Path) -> Seen:
    """Of the files that the questions show, by path, size and both ends."""
    paths = sorted({path for row in rows for path in media_of(row)})
    digest, missing = hashlib.sha256(), 0
    for path in paths:
        try:
            digest.update(f"{path}\0".encode() + _ends(inside(root, path)))
        except UserError:  # whoever asks about it is told, with the question's name
            missing += 1
    found = f"{digest.hexdigest()[:_SHOWN]}, {len(paths) - missing} files"
    return {"media": f"{found}, {missing} {MISSING}" if missing else found} if paths else {}


def of_tools(path: Path | None) -> Seen:
    """Of the memory and the frame store of a tools YAML."""
    config = read(path) if path else None
    found = {}
    if config and config.memory and config.memory.store.is_file():
        with config.memory.store.open("rb") as handle:
            found["memory"] = hashlib.file_digest(handle, "sha256").hexdigest()[:_SHOWN]
    if config and config.video and (frames := _of_stores(config.video)):
        found["frames"] = frames
    return found


def _ends(path: Path) -> bytes:
    size = path.stat().st_size
    with path.open("rb") as handle:
        first = handle.read(_ENDS)
        handle.seek(max(0, size - _ENDS))
        return f"{size}\0".encode() + hashlib.sha256(first + handle.read(_ENDS)).digest()


def _of_stores(folder: Path) -> str | None:
    digest, stores = hashlib.sha256(), [path.parent for path in sorted(folder.glob("**/index.sqlite"))]
    for store in stores:
        try:
            with reading(store) as index:
                digest.update(repr(index.execute("SELECT * FROM settings ORDER BY key").fetchall()).encode())
                for row in index.execute("SELECT path, size, source, start, end FROM videos ORDER BY path"):
                    digest.update(repr(row).encode())
        except sqlite3.Error as error:
            raise UserError(f"{store}: not a frame store ({error})") from None
    return digest.hexdigest()[:_SHOWN] if stores else None
