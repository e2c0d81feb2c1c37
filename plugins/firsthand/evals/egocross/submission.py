"""A submission to EgoCross: the template filled with letters, refused wherever its scorer could refuse it.

Questions without a letter are an error until the user says what to fill them with.
"""

import random
from collections import Counter
from pathlib import Path
from typing import Any

from firsthand import files
from firsthand.errors import UserError
from firsthand.evals.egocross import owner_files
from firsthand.evals.rows import answers_of

KEYS = ["id", "question_id", "dataset", "answer"]
SHOWN = 10


def submit(predictions: Path, template: Path, out: Path, unanswered: str = "error", seed: int = 0) -> dict[str, int]:
    """Writes and re-reads the zip; returns how many questions were answered and how many filled."""
    if out.suffix != ".zip":
        raise UserError(f"{out}: a submission is a zip; call it submission.zip")
    rows = owner_files.read_list(template)
    _raise(template, template_faults(rows))
    given, faults = _letters(answers_of(predictions), {row["id"]: row for row in rows})
    _raise(predictions, faults)
    holes = [row["id"] for row in rows if row["id"] not in given]
    if holes and unanswered == "error":
        raise UserError(
            f"{predictions}: {len(holes)} of {len(rows)} questions have no letter: {_some(holes)}. "
            f"Ask them again, or say --unanswered A or --unanswered random"
        )
    rng = random.Random(seed)
    for number in holes:
        given[number] = rng.choice(owner_files.LETTERS) if unanswered == "random" else unanswered
    filled = [{**row, "answer": given[row["id"]]} for row in rows]
    files.write_bytes(out, owner_files.zipped(filled))
    _raise(out, submission_faults(out, filled))
    return {"answered": len(rows) - len(holes), "filled": len(holes)}


def template_faults(rows: list[dict[str, Any]]) -> list[str]:
    keys = [(n, sorted(row)) for n, row in enumerate(rows, 1) if set(row) != set(KEYS)]
    if keys:
        return [f"row {n}: keys are {found}, not {sorted(KEYS)}" for n, found in keys]
    wrong = [(n, row["id"]) for n, row in enumerate(rows, 1) if type(row["id"]) is not int]
    if wrong:
        return [f"row {n}: id {found!r} is not a whole number" for n, found in wrong]
    return _id_faults([row["id"] for row in rows]) + _row_faults(rows)


def _id_faults(ids: list[int]) -> list[str]:
    whole, total = set(range(1, owner_files.TOTAL + 1)), owner_files.TOTAL
    wrong = {
        "ids are given twice": {i for i, count in Counter(ids).items() if count > 1},
        f"of the {total} ids are missing": whole.difference(ids),
        f"ids are not in 1 to {total}": set(ids) - whole,
    }
    return [f"{len(found)} {what}: {_some(sorted(found))}" for what, found in wrong.items() if found]


def _row_faults(rows: list[dict[str, Any]]) -> list[str]:
    faults = []
    seen: set[str] = set()
    for row in rows:
        official = owner_files.dataset_of(row["id"])
        if official and row["dataset"] != official:
            faults.append(f"id {row['id']}: dataset {row['dataset']!r}, officially {official!r}")
        question_id = row["question_id"]
        if not isinstance(question_id, str) or not question_id or question_id in seen:
            faults.append(f"id {row['id']}: question_id {question_id!r} is empty or given twice")
        seen.add(str(question_id))
    return faults


def submission_faults(path: Path, wanted: list[dict[str, Any]]) -> list[str]:
    """What is wrong with a written zip."""
    from zipfile import ZipFile

    with ZipFile(path) as archive:
        names = archive.namelist()
    if names != [owner_files.MEMBER]:
        return [f"its members are {names}, not {owner_files.MEMBER} alone"]
    return [] if owner_files.read_list(path) == wanted else ["what was read back is not what was written"]


def _letters(path: Path, template: dict[int, dict[str, Any]]) -> tuple[dict[int, str], list[str]]:
    """The letters by id, and what is wrong with the file of predictions."""
    given: dict[int, str] = {}
    faults, seen = [], set()
    for n, row in enumerate(owner_files.read_list(path), 1):
        number = owner_files.number_of(row.get("id"))
        if number is None or number not in template:
            faults.append(f"row {n}: id {row.get('id')} is not in the template")
            continue
        if number in seen:
            faults.append(f"row {n}: id {number} a second time")
        seen.add(number)
        faults += [
            f"row {n}: {key} {row[key]!r}, in the template {template[number][key]!r}"
            for key in ("question_id", "dataset")
            if key in row and row[key] != template[number][key]
        ]
        letter = owner_files.letter(row)
        if letter in owner_files.LETTERS:
            given[number] = letter
        elif letter not in (None, ""):
            faults.append(f"row {n}: answer {letter!r} is not one of {', '.join(owner_files.LETTERS)}")
    return given, faults


def _raise(path: Path, faults: list[str]) -> None:
    if faults:
        more = f"\n  and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise UserError(f"{path}:\n  " + "\n  ".join(faults[:SHOWN]) + more)


def _some(ids: list[int]) -> str:
    return ", ".join(map(str, ids[:SHOWN])) + (f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else "")
