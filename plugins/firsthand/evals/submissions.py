"""Files for the servers that alone know a benchmark's answers: checked as their code checks them, never filled.

A question without a letter is an error that names it, where the server wants all; where it takes less, it is left out
and counted.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firsthand.data.build.releases.egomemreason import version
from firsthand.data.build.releases.whole_videos import LETTERS
from firsthand.errors import UserError
from firsthand.evals.results import AGENT, predictions
from firsthand.evals.rows import Prediction
from firsthand.evals.run_folder import Folder
from firsthand.evals.ways import ANSWER
from firsthand.files import write_json

SHOWN = 10


def egoschema(folder: Folder, out: Path) -> tuple[int, int]:
    """`{q_uid: 0 to 4}`; how many are in it, and how many have no letter and are not."""
    letters, questions = letters_of(folder, "egoschema_full"), folder.questions
    write_json(out, {id: LETTERS.index(letter) for id, letter in letters.items()})
    return len(letters), len(questions) - len(letters)


def egomemreason(folder: Folder, out: Path, annotations: Path) -> int:
    """500 answers, by letters of the very file that was asked."""
    letters, questions = letters_of(folder, "egomemreason"), folder.questions
    asked, now = {row.get("annotations") for row in questions.values()}, version(annotations)
    if asked != {now}:
        raise UserError(
            f"{annotations}: sha256 {now[:16]}, and the run was asked by {', '.join(sorted(map(str, asked)))[:16]}; "
            "the options changed their letters between versions: build from this file and run again"
        )
    if missing := [id for id in questions if id not in letters]:
        raise UserError(
            f"{folder.path}: {len(missing)} of {len(questions)} questions have no letter, and its server wants all: "
            f"{', '.join(missing[:SHOWN])}; run again to ask them again. Nothing is filled in"
        )
    rows = [{"example_id": int(id), "predicted_answer": letters[id]} for id in sorted(questions, key=int)]
    write_json(out, rows)
    return len(rows)


def letters_of(folder: Folder, name: str) -> dict[str, str]:
    """The letters that a run of this benchmark gave, among those of the question."""
    if folder.manifest.benchmark != name:
        raise UserError(f"{folder.path} is a run of {folder.manifest.benchmark}, not of {name}")
    columns: Mapping[str, Mapping[str, Prediction]] = predictions(folder)
    own = columns.get(ANSWER) or columns.get(AGENT)
    if not own:
        raise UserError(f"{folder.path}: no answers yet")
    asked: dict[str, Any] = folder.questions
    found = {id: row.choice(asked[id]["letters"]) for id, row in own.items() if id in asked}
    return {id: letter for id, letter in found.items() if letter}
