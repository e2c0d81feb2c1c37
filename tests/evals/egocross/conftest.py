"""EgoCross's files at their true size, with made-up content; and the misbehaving server of the evaluation tests."""

import json
from pathlib import Path
from typing import Any

import pytest

from firsthand.evals.egocross import owner_files


@pytest.fixture
def template(tmp_path: Path) -> Path:
    rows = [
        {
            "id": n,
            "question_id": f"{owner_files.dataset_of(n)}_vid{n % 60}_q{n}_x",
            "dataset": owner_files.dataset_of(n),
            "answer": "",
        }
        for n in range(1, owner_files.TOTAL + 1)
    ]
    return write(tmp_path / "submission_template.json", rows)


@pytest.fixture
def release(tmp_path: Path, template: Path) -> Path:
    """Answers (all are B) and questions in a folder of their own."""
    rows = json.loads(template.read_text())
    answers = [
        {"id": r["id"], "question_id": r["question_id"], "correct_option_letter": "B", "answer_text": ""} for r in rows
    ]
    questions = [
        {"id": r["id"], "dataset": r["dataset"], "primary_category": "Counting" if r["id"] % 2 else "Prediction",
         "question_type": "object counting" if r["id"] % 2 else "next action prediction"}
        for r in rows
    ]  # fmt: skip
    folder = tmp_path / "egocross_testbed"
    write(folder / "egocross_testbed_imgs.json", questions)
    return write(folder / "egocross_testbed_answers.json", answers)


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    return path
