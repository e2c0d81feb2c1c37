"""Every question with its frames, its exact prompt, and what each run said and was worth."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from firsthand.errors import UserError
from firsthand.evals import run_folder
from firsthand.evals.metrics import Metric
from firsthand.evals.results import predictions
from firsthand.evals.rows import Prediction
from firsthand.evals.run_folder import Folder
from firsthand.llm.messages import data_url
from firsthand.media.paths import inside
from firsthand.rollout.episodes import Episode
from firsthand.rollout.prompt import media_of

EDGE = 200  # pixels


class Pictures:
    """Small frames as data URLs by path, until they fill their share of the page."""

    def __init__(self, root: Path | None, each: int, bytes_left: int):
        self.root, self.each, self.bytes_left = root, each, bytes_left
        self.urls: dict[str, str] = {}
        self.missing, self.left_out = set[str](), set[str]()

    def of(self, row: dict[str, Any]) -> list[str]:
        """The paths of the frames that are shown of this question, evenly spaced."""
        paths = [*row.get("images", []), *row.get("video", [])]
        if len(paths) > self.each:
            paths = [paths[round(place * (len(paths) - 1) / max(1, self.each - 1))] for place in range(self.each)]
        for path in paths:
            if path not in self.urls and path not in self.missing:
                self._load(path)
        return [path for path in paths if path in self.urls]

    def _load(self, path: str) -> None:
        if self.bytes_left <= 0:
            self.left_out.add(path)
            return
        try:
            if self.root is None:
                raise UserError("no media root")
            url = data_url(_small(inside(self.root, path)))
        except (UserError, OSError, ValueError):
            self.missing.add(path)
            return
        self.urls[path] = url
        self.bytes_left -= len(url)


def _small(path: Path) -> bytes:
    from PIL import Image

    buffer = BytesIO()
    with Image.open(path) as image:
        small = image.convert("RGB")
    small.thumbnail((EDGE, EDGE))
    small.save(buffer, "JPEG", quality=70)
    return buffer.getvalue()


def items(runs: Sequence[Folder], metric: Metric, pictures: Pictures, limit: int) -> list[dict[str, Any]]:
    """The first `limit` questions; those that the runs answer differently come first."""
    golds, said = runs[0].golds, [next(iter(predictions(run).values()), {}) for run in runs]
    episodes = [run_folder.read(run.episodes, Episode) for run in runs]
    worth = {key: [_worth(metric, answers.get(key), golds.get(key)) for answers in said] for key in runs[0].questions}
    order = sorted(worth, key=lambda key: len(set(worth[key])) == 1)
    return [
        {
            **_asked(runs[0].questions[key], runs[0].benchmark.by),
            "frames": pictures.of(runs[0].questions[key]),
            "worth": worth[key],
            "said": [_said(answers.get(key), told.get(key)) for answers, told in zip(said, episodes, strict=True)],
        }
        for key in order[:limit]
    ]


def _worth(metric: Metric, answer: Prediction | None, gold: Any) -> float | str:
    """What the answer is worth, or why it is worth nothing."""
    if gold is None:
        return "not scored"
    if answer is None:
        return "never answered"
    value = metric.value(answer, gold)
    return "not readable" if value is None else value


def _asked(row: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "question": row.get("question") or "",
        "options": row.get("options") or {},
        "answer": row.get("answer"),
        "groups": {key: str(row[key]) for key in keys if row.get(key) is not None},
        "media": media_of(row),
        "prompt": [{"role": one["role"], "text": _text(one["content"])} for one in row.get("messages", [])],
    }


def _text(content: Any) -> str:
    """The parts in order; a picture is its path."""
    if isinstance(content, str):
        return content
    return "\n".join(
        part["text"] if part["type"] == "text" else f"[{part['type']}: {_named(part)}]" for part in content
    )


def _named(part: dict[str, Any]) -> str:
    value = part.get(part["type"])
    return f"{len(value)} frames at {part.get('fps')} a second" if isinstance(value, list) else str(value)


def _said(answer: Prediction | None, episode: Episode | None) -> list[dict[str, str]]:
    """The raw outputs: one, those of a vote, or an agent's turns with what the tools gave back."""
    if episode:
        parts = [part for turn in episode.trace.turns for part in (("model", turn.text), ("tool", turn.observation))]
        return [{"who": who, "text": text} for who, text in parts if text]
    outputs = (answer.outputs or [answer.output]) if answer else []
    return [{"who": "model", "text": text} for text in outputs]
