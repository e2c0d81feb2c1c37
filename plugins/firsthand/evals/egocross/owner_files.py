"""EgoCross's own files: what they hold, and how its scorer names things.

The answers and the submission template have a `question_id`; the questions (`egocross_testbed_imgs.json`) do not. All
three are joined by `id`. Answers and questions are in one folder of the release.
"""

import json
import re
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from firsthand import files
from firsthand.data.build.releases.egocross import DOMAINS
from firsthand.errors import UserError
from firsthand.evals.rows import Gold, Prediction

TOTAL = 957
RANGES = {  # first and last id of each data set; the misspelling is the official name
    "CholecTrack20": (1, 183),
    "EgoPet": (184, 366),
    "EgoSurgery": (367, 466),
    "ENIGMA": (467, 711),
    "ExtrameSportFPV": (712, 957),
}
LETTERS = ("A", "B", "C", "D")
MEMBER = "predictions.json"
QUESTIONS = "egocross_testbed_imgs.json"


def dataset_of(number: int) -> str | None:
    return next((name for name, (first, last) in RANGES.items() if first <= number <= last), None)


def number_of(key: Any) -> int | None:
    """The official id, as a number or as text."""
    return int(key) if re.fullmatch(r"\d{1,9}", str(key)) else None


def read_answers(path: Path, questions: Path | None = None) -> dict[str, Gold]:
    """The published answers, with domain, category, type and video of each question; ids are the official numbers.

    Category and type come from the file of questions (by default the one beside the answers; without it they are
    unknown), the video from the question id: questions of one video are not independent of each other.
    """
    beside = path.with_name(QUESTIONS)
    known = _by_number(questions or beside) if questions or beside.is_file() else {}
    gold = {}
    for number, row in _by_number(path).items():
        said = known.get(number, {})
        question_id = str(row.get("question_id") or number)
        labels = {
            "domain": DOMAINS.get(str(said.get("dataset") or dataset_of(number))),
            "primary_category": said.get("primary_category"),
            "question_type": said.get("question_type"),
            "video": re.sub(r"_q\d+_.*$", "", question_id),
            "options": _options(said.get("options")),
        }
        try:
            letter = str(row["correct_option_letter"]).strip().upper()
            gold[str(number)] = Gold.model_validate({"id": str(number), "answer": letter, **labels})
        except (KeyError, ValueError):
            raise UserError(f"{path}: id {number}: no correct_option_letter of {', '.join(LETTERS)}") from None
    return gold


def _options(listed: Any) -> dict[str, str]:
    """`["A: 4", "B: 3"]` by letter."""
    parts = [str(option).partition(":") for option in listed] if isinstance(listed, list) else []
    return {letter.strip(): text.strip() for letter, _, text in parts}


def read_predictions(path: Path) -> dict[str, Prediction]:
    """Answers of `firsthand eval run` (.jsonl), a submission (.zip) or the list in it (.json), by official number."""
    rows = read_list(path)
    if path.suffix == ".jsonl" and not all(row.get("decided") for row in rows):
        raise UserError(f"{path}: not written by `firsthand eval run egocross`, which decides the letters")
    predictions: dict[str, Prediction] = {}
    for row in rows:
        number = number_of(row.get("id"))
        if number is None or str(number) in predictions:
            what = "not an official id" if number is None else "given twice"
            raise UserError(f"{path}: id {str(row.get('id'))!r}: {what}")
        said = letter(row) if letter(row) in LETTERS else None
        given: dict[str, Any] = {key: row[key] for key in ("output", "outputs", "settings") if key in row}
        decided = {"output": "", "id": str(number), "decided": True, "letter": said}
        predictions[str(number)] = Prediction.model_validate(decided | given)
    return predictions


def letter(row: dict[str, Any]) -> Any:
    """What a row answers, in ours or in a submission."""
    return row["letter"] if "letter" in row else row.get("answer")


def read_list(path: Path) -> list[dict[str, Any]]:
    """The objects of a .jsonl file, of the list in a .json file, or of the one member of a submission."""
    if path.suffix == ".jsonl":
        content = list(files.read_jsonl(path))
    else:
        content = _of_zip(path) if path.suffix == ".zip" else files.read_json(path)
    if not isinstance(content, list):
        raise UserError(f"{path}: must be a list of objects, and is {type(content).__name__}")
    for row, item in enumerate(content, 1):
        if not isinstance(item, dict):
            raise UserError(f"{path}: row {row}: not an object")
    return content


def _of_zip(path: Path) -> Any:
    try:
        with ZipFile(path) as archive:
            return json.loads(archive.read(MEMBER))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, BadZipFile, KeyError, ValueError) as error:
        raise UserError(f"{path}: not a zip with {MEMBER} in it ({error})") from None


def zipped(rows: list[dict[str, Any]]) -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        archive.writestr(MEMBER, json.dumps(rows, indent=1))
    return buffer.getvalue()


def _by_number(path: Path) -> dict[int, dict[str, Any]]:
    """Rows by `id`, from a list of objects or from an object keyed by id."""
    content = files.read_json(path)
    if isinstance(content, dict):
        content = [{"id": key, **row} if isinstance(row, dict) else row for key, row in content.items()]
    rows: dict[int, dict[str, Any]] = {}
    for position, row in enumerate(content if isinstance(content, list) else [content], 1):
        number = number_of(row.get("id")) if isinstance(row, dict) else None
        if number is None or number in rows:
            raise UserError(f"{path}: row {position}: {'no id' if number is None else f'id {number} a second time'}")
        rows[number] = row
    return rows
