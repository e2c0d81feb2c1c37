"""What a run left behind: the JSONL of its trajectories and of its metrics, found by name and read line by line.

A killed process leaves half a line. Lines that are not JSON are left out, counted and listed; a line that is JSON but
not a trajectory means that the wrong file was given, which is an error.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firsthand.errors import UserError

ERRORS = ".errors.jsonl"  # what a server refused, beside the episodes; not a trajectory
LOOKED_FOR = "traces/*.jsonl of a training run, metrics*.jsonl or metrics/**/*.jsonl of veRL, or *.jsonl of episodes"


@dataclass(frozen=True)
class Run:
    name: str
    training: list[Path] = field(default_factory=list)  # traces, one file per step
    episodes: list[Path] = field(default_factory=list)
    metrics: list[Path] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)  # other JSONL in the folder

    @property
    def trajectories(self) -> list[Path]:
        return self.training + self.episodes


def find(path: Path | str) -> Run:
    """A folder of a training run (or its traces folder), a folder of episodes, or one file."""
    path, real = Path(path), Path(path).resolve()
    if path.is_file():
        return Run(real.stem, episodes=[path])
    if not path.is_dir():
        raise UserError(f"{path}: no such file or folder")
    if real.name == "traces":
        return Run(real.parent.name, training=_found(path, "*.jsonl"))
    metrics = _found(path, "metrics*.jsonl", "metrics/**/*.jsonl")
    others = sorted({*_found(path, "*.jsonl")} - {*metrics})
    episodes = [other for other in others if _holds_trajectories(other)]
    ignored = [other for other in others if other not in episodes and not other.name.endswith(ERRORS)]
    run = Run(real.name, _found(path, "traces/*.jsonl"), episodes, metrics, ignored)
    if not run.trajectories and not metrics:
        near = sorted({str(found.parent) for name in ("traces", "metrics") for found in path.glob(f"*/{name}")})
        hint = f"did you mean {' or '.join(near)}?" if near else f"it should hold {LOOKED_FOR}"
        raise UserError(f"{path}: no trajectories and no metrics in this folder; {hint}")
    return run


def _found(folder: Path, *patterns: str) -> list[Path]:
    """Files alone: a pipe would be waited for."""
    return sorted(path for pattern in patterns for path in folder.glob(pattern) if path.is_file())


def _holds_trajectories(path: Path) -> bool:
    with path.open("rb") as handle:
        return b'"trace"' in handle.readline()


def read(
    path: Path, unread: list[str], advance: Callable[[int], None] = lambda size: None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where, row) of every line that can be read; the others go to `unread`. `advance` gets the bytes of each line."""
    try:
        with path.open("rb") as handle:
            for number, line in enumerate(handle, 1):
                advance(len(line))
                where = f"{path}:{number}"
                row = _parse(line)
                if isinstance(row, dict):
                    yield where, row
                elif line.strip():
                    unread.append(f"{where}: " + ("not JSON" if line.endswith(b"\n") else "torn last line"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def _parse(line: bytes) -> Any:
    try:
        row = json.loads(line.decode(errors="replace"))
        if b"\\ud" in line.lower():  # a lone surrogate, which cannot be written as text
            row = json.loads(json.dumps(row, ensure_ascii=False).encode(errors="replace"))
        return row
    except (ValueError, RecursionError):
        return None
