"""How far a stage is, read from the files that its framework writes anyway."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from firsthand import files

Progress = tuple[int, int, str]  # steps done, steps in all, a few words


def llamafactory_log(path: Path) -> Progress:
    last = _last_row(path)
    return (last["current_steps"], last["total_steps"], _loss(last)) if last else (0, 0, "")


def egoagent_metrics(path: Path, recipe: Path) -> Progress:
    steps, last = files.read_yaml(recipe)["schedule"]["steps"], _last_row(path)
    return (last["step"], steps, _loss(last)) if last else (0, steps, "")


def rollout_files(folder: Path, steps: int) -> Progress:
    done = sorted(folder.glob("*.jsonl"), key=lambda path: int(path.stem))
    if not done:
        return 0, steps, "starting Ray, vLLM and the actor"
    try:
        scores = [json.loads(line)["score"] for line in done[-1].read_text().splitlines()]
        return int(done[-1].stem), steps, f"mean reward {sum(scores) / len(scores):.2f}"
    except (json.JSONDecodeError, ZeroDivisionError):
        return int(done[-1].stem), steps, "step"


def lines(logs: Sequence[Path], of: Path, what: str = "answers") -> Progress:
    """Each log gets one line for each line of another file."""
    total = len(logs) * of.read_text().count("\n") if of.exists() else 0
    done = sum(log.read_text(errors="replace").count("\n") for log in logs if log.exists())
    return done, total, what if done else "starting"


def files_made(folder: Path, pattern: str, what: str) -> Progress:
    return len(list(folder.glob(pattern))), 0, what


def _last_row(path: Path) -> dict[str, Any]:
    """Of a file that another process writes: empty while there is no whole last row."""
    try:
        row: dict[str, Any] = json.loads(path.read_text().splitlines()[-1])
    except (OSError, IndexError, json.JSONDecodeError):
        return {}
    return row


def _loss(row: dict[str, Any]) -> str:
    return f"loss {row.get('loss', float('nan')):.3f}"
