"""The path guard: a path out of a row, a model or a request leads to a file inside the root, or to an error."""

import re
from pathlib import Path, PurePosixPath

from firsthand.errors import UserError

_URL = re.compile(r"[a-z][a-z0-9+.-]*://|file:|data:", re.IGNORECASE)


def inside(root: Path | str, path: Path | str, *, folder: bool = False) -> Path:
    """`path` below `root` with every link followed, an existing file (or an existing folder)."""
    root, text = Path(root).resolve(), str(path)
    if _URL.match(text):
        raise UserError(f"{text[:80]!r}: a URL; name a path below the media root")
    if ".." in PurePosixPath(text).parts:
        raise UserError(f"{text[:80]!r}: '..' may lead outside the media root; name the path without it")
    try:
        full = (root / text).resolve()
        found = full.is_dir() if folder else full.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # too long, a null byte, a loop of links
        raise UserError(f"{text[:80]!r}: not a usable path ({type(error).__name__})") from None
    if not full.is_relative_to(root):
        raise UserError(f"{text[:80]!r}: outside the media root {root}")
    if not found:
        raise UserError(f"{text[:80]!r}: no such {'folder' if folder else 'file'} below the media root {root}")
    return full
