"""Which benchmarks are there, what is missing, and rows made from an owner's files and counted."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.evals.benchmarks import SUITE
from firsthand.evals.shelf import missing


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def firsthand(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["eval", *arguments])


def release(questions: int) -> Path:
    """EgoSchema's files with rows of our own; every second answer is public."""
    folder = Path("release")
    folder.mkdir(exist_ok=True)
    rows = [
        {"q_uid": f"u{i}", "question": f"what {i} ?", **{f"option {k}": f"this {k}" for k in range(5)}}
        for i in range(questions)
    ]
    (folder / "questions.json").write_text(json.dumps(rows))
    (folder / "subset_answers.json").write_text(json.dumps({f"u{i}": i % 5 for i in range(0, questions, 2)}))
    return folder


def test_the_list_names_every_benchmark_and_where_to_get_it() -> None:
    said = firsthand("list").output
    assert all(f"\n{name}: " in f"\n{said}" for name in SUITE)
    assert "egocross: 957 rows in its release, one reply; scored by choice" in said
    assert "from GitHub egoschema/EgoSchema, then firsthand eval prepare egoschema --from FOLDER" in said


def test_rows_are_made_and_counted() -> None:
    result = firsthand("prepare", "egoschema", "--from", str(release(5031)))
    assert result.exit_code == 0, result.output
    assert missing(SUITE["egoschema"]).startswith("nothing")
    assert "egoschema: 2516 questions, agent with tools" in firsthand("list").output


def test_another_number_than_the_published_one_is_an_error() -> None:
    result = firsthand("prepare", "egoschema", "--from", str(release(40)))
    assert result.exit_code == 1
    assert "release holds 40 rows, and egoschema has 5031 as published" in result.output.replace("\n", " ")


def test_missing_frames_are_counted() -> None:
    folder = SUITE["egocross"].questions.parent
    (folder / "media").mkdir(parents=True)
    (folder / "media/a.jpg").touch()
    rows = [{"id": "1", "images": ["a.jpg", "b.jpg"]}, {"id": "2", "images": ["c.jpg"]}]
    SUITE["egocross"].questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert missing(SUITE["egocross"]).startswith("2 of the 3 frames and videos")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prepare", "egoshema", "--from", "x"], "'egoshema' is not a benchmark"),
        (["prepare", "egoschema", "--from", "x"], "no such folder"),
        (["prepare", "toy_memory", "--from", "x"], "made by `firsthand toy`"),
        (["submit", "ego_r1_bench", "run", "--template", "t.json"], "no owner's template to fill"),
        (["submit", "egocross", "run", "--template", "t.json"], "t.json: no such file"),
    ],
)
def test_mistakes_are_one_message(arguments: list[str], message: str) -> None:
    result = firsthand(*arguments)
    assert result.exit_code == 1 and message in result.output.replace("\n", " ")
