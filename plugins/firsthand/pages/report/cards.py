"""What the template shows: the accuracy table, one card per trajectory with small frames."""

import base64
import re
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from firsthand.answers import extract_choice
from firsthand.errors import UserError
from firsthand.evals.score import Tally
from firsthand.media.paths import inside
from firsthand.pages.report.model import RunReport, Trajectory

MAX_EDGE = 480  # pixels of the longer side of a frame: enough to see what was seen, small enough to mail
COLOURS = 6  # --model-0 to --model-5 in style.css
_TAG = re.compile(r"(</?[a-z_]{1,20}>)")


def groups(report: RunReport) -> list[dict[str, Any]]:
    """The rows of the accuracy table: all questions, then each label, with one tally per model that has it."""
    labels = dict.fromkeys(label for row in report.table for label in row.by)
    rows: list[tuple[str, list[tuple[str, Tally]]]] = [("all questions", [(row.model, row) for row in report.table])]
    rows += [(label, [(row.model, row.by[label]) for row in report.table if label in row.by]) for label in labels]
    return [{"name": name, "rows": tallies, "n": _sizes([tally.n for _, tally in tallies])} for name, tallies in rows]


def colours(report: RunReport) -> dict[str, int]:
    """The colour number of every model, one for the whole page."""
    models = [row.model for row in report.table] + [name for item in report.trajectories for name in item.outputs]
    return {model: i % COLOURS for i, model in enumerate(dict.fromkeys(models))}


def _sizes(counts: list[int]) -> str:
    return " / ".join(map(str, counts if len(set(counts)) > 1 else counts[:1]))


def card(trajectory: Trajectory, media_root: Path, most_frames: int) -> dict[str, Any]:
    """What the page shows of a trajectory; the verdicts come from the one extractor, not from the run."""
    shown = spread(trajectory.frames, most_frames)
    try:
        images = [(path, data_url(media_root, path)) for path in shown]
    except UserError as error:
        raise UserError(f"trajectory {trajectory.id!r}: frames: {error}") from None
    answers = []
    for model, text in trajectory.outputs.items():
        letter = extract_choice(text, "".join(trajectory.options))
        answers.append(
            {
                "model": model,
                "letter": letter,
                "right": letter == trajectory.answer,
                "pieces": [(bool(_TAG.fullmatch(piece)), piece) for piece in _TAG.split(text) if piece],
                "parts": trajectory.parts.get(model, {}),
            }
        )
    verdicts = ["right" if answers[-1]["right"] else "wrong"]
    verdicts += ["changed"] if answers[0]["right"] != answers[-1]["right"] else []
    values = [abs(value) for parts in trajectory.parts.values() for value in parts.values() if value is not None]
    return {
        "trajectory": trajectory,
        "images": images,
        "answers": answers,
        "verdicts": verdicts,
        "scale": max([1.0, *values]),  # full length of the bars beside the reward parts
    }


def spread(frames: list[str], most: int) -> list[str]:
    """At most `most` frames, evenly spaced, the first and the last among them."""
    if len(frames) <= most:
        return frames
    return [frames[round(i * (len(frames) - 1) / max(most - 1, 1))] for i in range(most)]


def data_url(root: Path | str, path: str) -> str:
    full = inside(root, path)
    try:
        with Image.open(full) as image:
            small = image.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path!r}: not a readable image ({error})") from None
    small.thumbnail((MAX_EDGE, MAX_EDGE))
    buffer = BytesIO()
    small.save(buffer, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
