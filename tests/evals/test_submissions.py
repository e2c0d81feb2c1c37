"""Files for servers that alone know the answers: letters of the right annotations, and nothing is filled in."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.data.build.releases.egomemreason import version
from firsthand.files import read_json, write_json, write_jsonl, write_text


def submit(*words: Any) -> Any:
    return CliRunner(env={"COLUMNS": "300"}).invoke(app, ["submit", *map(str, words)])


def make_run(folder: Path, benchmark: str, letters: dict[str, str | None], **labels: Any) -> Path:
    """A run of an agent with these letters."""
    write_json(folder / "run.json", {"benchmark": benchmark})
    rows = [{"id": id, "question": "q", "letters": "ABCDEFGHIJ", "answer": None, **labels} for id in letters]
    write_jsonl(folder / "questions.jsonl", rows)
    made = [{"id": id, "output": "x", "decided": True, "letter": letter} for id, letter in letters.items()]
    write_jsonl(folder / "episodes.jsonl", made)
    return folder


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    write_text(tmp_path / "annotations_public.jsonl", "version 1.1\n")
    return tmp_path / "annotations_public.jsonl"


def test_egomemreason_goes_up_to_j_in_the_order_of_ids(tmp_path: Path, annotations: Path) -> None:
    run = make_run(tmp_path / "run", "egomemreason", {"10": "J", "9": "A"}, annotations=version(annotations))
    done = submit("egomemreason", run, "--annotations", annotations, "--out", tmp_path / "out.json")
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "out.json").read_text()) == [
        {"example_id": 9, "predicted_answer": "A"},
        {"example_id": 10, "predicted_answer": "J"},
    ]


def test_letters_of_another_version_are_refused(tmp_path: Path, annotations: Path) -> None:
    run = make_run(tmp_path / "run", "egomemreason", {"1": "A"}, annotations=version(annotations))
    write_text(tmp_path / "other.jsonl", "version 1.2\n")
    done = submit("egomemreason", run, "--annotations", tmp_path / "other.jsonl", "--out", tmp_path / "out.json")
    assert done.exit_code == 1 and "the options changed their letters between versions" in done.output
    assert not (tmp_path / "out.json").exists()


def test_what_has_no_letter_is_named_and_never_filled(tmp_path: Path, annotations: Path) -> None:
    run = make_run(tmp_path / "run", "egomemreason", {"1": "A", "2": None}, annotations=version(annotations))
    done = submit("egomemreason", run, "--annotations", annotations, "--out", tmp_path / "out.json")
    assert done.exit_code == 1 and "1 of 2 questions have no letter" in done.output and ": 2; run again" in done.output
    assert not (tmp_path / "out.json").exists()


def test_egoschema_leaves_out_what_has_no_letter(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "egoschema_full", {"u1": "E", "u2": None, "u3": "A"})
    done = submit("egoschema_full", run, "--out", tmp_path / "out.json")
    assert done.exit_code == 0 and "2 answers; 1 questions have no letter" in done.output
    assert read_json(tmp_path / "out.json") == {"u1": 4, "u3": 0}


def test_a_run_of_another_benchmark_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "egoschema", {"u1": "E"})
    done = submit("egoschema_full", run)
    assert done.exit_code == 1 and "is a run of egoschema, not of egoschema_full" in done.output
