"""Nothing that the official scorer refuses leaves this program, and it says which rows are at fault."""

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.errors import UserError
from firsthand.evals.egocross import owner_files


def cli(*arguments: Any) -> Any:
    return CliRunner().invoke(app, ["submit", "egocross", *map(str, arguments)])


def log(path: Path, letters: dict[int, str | None]) -> Path:
    rows = [{"id": str(n), "output": "", "decided": True, "letter": letter} for n, letter in letters.items()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_submission_is_the_template_with_letters(template: Path, tmp_path: Path) -> None:
    letters = {n: "ABCD"[n % 4] for n in range(1, 958)}
    result = cli(log(tmp_path / "run.jsonl", letters), "--template", template, "--out", tmp_path / "s.zip")
    assert result.exit_code == 0 and "957 answers, 0 filled" in result.output
    with ZipFile(tmp_path / "s.zip") as archive:
        assert archive.namelist() == ["predictions.json"]
        rows = json.loads(archive.read("predictions.json"))
    wanted = json.loads(template.read_text())
    assert rows == [{**row, "answer": letters[row["id"]]} for row in wanted]


@pytest.mark.parametrize("rows", ["list", "zip"])
def test_a_list_or_an_earlier_submission_is_taken_too(template: Path, tmp_path: Path, rows: str) -> None:
    first = cli(
        log(tmp_path / "run.jsonl", {1: "C"}), "--template", template, "--unanswered", "A", "--out", tmp_path / "1.zip"
    )
    assert first.exit_code == 0
    source = tmp_path / "1.zip"
    if rows == "list":
        source = tmp_path / "p.json"
        source.write_bytes(ZipFile(tmp_path / "1.zip").read("predictions.json"))
    assert cli(source, "--template", template, "--out", tmp_path / "2.zip").exit_code == 0
    assert (tmp_path / "1.zip").stat().st_size == (tmp_path / "2.zip").stat().st_size


def test_unanswered_questions_are_filled_only_when_told(template: Path, tmp_path: Path) -> None:
    some = log(tmp_path / "run.jsonl", {n: None if n == 7 else "A" for n in range(1, 950)})
    refused = cli(some, "--template", template, "--out", tmp_path / "s.zip")
    assert refused.exit_code == 1 and "9 of 957 questions have no letter: 7, 950" in refused.output
    assert not (tmp_path / "s.zip").exists()
    for policy in ("D", "random"):
        done = cli(some, "--template", template, "--out", tmp_path / "s.zip", "--unanswered", policy)
        assert done.exit_code == 0 and "948 answers, 9 filled" in done.output
        filled = {row["id"]: row["answer"] for row in json.loads(ZipFile(tmp_path / "s.zip").read("predictions.json"))}
        holes = {filled[n] for n in [7, *range(950, 958)]}
        assert holes == {"D"} if policy == "D" else len(holes) > 1
    again = cli(some, "--template", template, "--out", tmp_path / "t.zip", "--unanswered", "random")
    assert again.exit_code == 0
    assert ZipFile(tmp_path / "t.zip").read("predictions.json") == ZipFile(tmp_path / "s.zip").read("predictions.json")


def change(rows: list[dict[str, Any]], at: int, **changes: Any) -> list[dict[str, Any]]:
    return [{**row, **changes} if row["id"] == at else row for row in rows]


TEMPLATE_FAULTS = {
    "a key too many": (lambda rows: change(rows, 3, note=1), "row 3: keys are"),
    "a key missing": (
        lambda rows: [{k: v for k, v in row.items() if k != "dataset"} for row in rows],
        "row 1: keys are",
    ),
    "an id as text": (lambda rows: change(rows, 5, id="5"), "row 5: id '5' is not a whole number"),
    "an id twice": (lambda rows: change(rows, 9, id=8), "1 ids are given twice: 8"),
    "an id missing": (lambda rows: rows[:-1], "1 of the 957 ids are missing: 957"),
    "an id too large": (lambda rows: change(rows, 957, id=958), "1 ids are not in 1 to 957: 958"),
    "the right spelling": (lambda rows: change(rows, 800, dataset="ExtremeSportFPV"), "officially 'ExtrameSportFPV'"),
    "another data set": (lambda rows: change(rows, 1, dataset="ENIGMA"), "id 1: dataset 'ENIGMA'"),
    "no question_id": (lambda rows: change(rows, 2, question_id=""), "id 2: question_id ''"),
    "a question_id twice": (lambda rows: change(rows, 2, question_id=rows[0]["question_id"]), "id 2: question_id"),
    "an object": (lambda rows: {"rows": rows}, "must be a list"),
    "a row that is none": (lambda rows: [*rows, 3], "row 958: not an object"),
}


@pytest.mark.parametrize("fault", TEMPLATE_FAULTS)
def test_a_template_that_is_not_the_release(template: Path, tmp_path: Path, fault: str) -> None:
    spoil, message = TEMPLATE_FAULTS[fault]
    template.write_text(json.dumps(spoil(json.loads(template.read_text()))))
    result = cli(log(tmp_path / "run.jsonl", {1: "A"}), "--template", template, "--unanswered", "A")
    assert result.exit_code == 1 and message in result.output


PREDICTION_FAULTS = {
    "unknown id": ([{"id": 958, "answer": "A"}], "row 1: id 958 is not in the template"),
    "no id": ([{"answer": "A"}], "row 1: id None is not in the template"),
    "twice": ([{"id": 4, "answer": "A"}, {"id": 4, "answer": "B"}], "row 2: id 4 a second time"),
    "letter": ([{"id": 4, "answer": "E"}], "row 1: answer 'E' is not one of A, B, C, D"),
    "lower case": ([{"id": 4, "answer": "a"}], "row 1: answer 'a' is not one of"),
    "two letters": ([{"id": 4, "answer": "AB"}], "row 1: answer 'AB' is not one of"),
    "a number": ([{"id": 4, "answer": 2}], "row 1: answer 2 is not one of"),
    "question_id": ([{"id": 4, "question_id": "x", "answer": "A"}], "row 1: question_id 'x', in the template"),
    "spelling": (
        [{"id": 900, "dataset": "ExtremeSportFPV", "answer": "A"}],
        "'ExtremeSportFPV', in the template 'Extrame",
    ),
    "an object": ({"1": "A"}, "must be a list"),
}


@pytest.mark.parametrize("fault", PREDICTION_FAULTS)
def test_predictions_at_fault_are_named_by_row(template: Path, tmp_path: Path, fault: str) -> None:
    rows, message = PREDICTION_FAULTS[fault]
    (tmp_path / "p.json").write_text(json.dumps(rows))
    out = tmp_path / "s.zip"
    result = cli(tmp_path / "p.json", "--template", template, "--unanswered", "A", "--out", out)
    assert result.exit_code == 1 and message in result.output and not out.exists()


def test_all_faults_are_counted_and_the_first_are_shown(template: Path, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps([{"id": n, "answer": "?"} for n in range(1, 31)]))
    result = cli(tmp_path / "p.json", "--template", template)
    assert result.output.count("is not one of") == 10 and "and 20 more" in result.output


def test_a_failed_write_leaves_the_earlier_submission(template: Path, tmp_path: Path, monkeypatch) -> None:
    from firsthand.evals.egocross import submission

    out = tmp_path / "s.zip"
    submission.submit(log(tmp_path / "run.jsonl", {1: "C"}), template, out, "A")
    before = out.read_bytes()
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(UserError, match="no space left"):
        submission.submit(tmp_path / "run.jsonl", template, out, "B")
    assert out.read_bytes() == before and sorted(p.suffix for p in tmp_path.glob("*s.zip*")) == [".zip"]


def test_what_was_written_is_checked_as_it_was_read_back(tmp_path: Path) -> None:
    from firsthand.evals.egocross.submission import submission_faults

    rows = [{"id": 1, "answer": "A"}]
    for members, fault in (
        ({"other.json": rows}, "its members are"),
        ({"predictions.json": []}, "not what was written"),
    ):
        with ZipFile(tmp_path / "s.zip", "w") as archive:
            for name, content in members.items():
                archive.writestr(name, json.dumps(content))
        assert any(fault in found for found in submission_faults(tmp_path / "s.zip", rows))


def test_other_names_are_refused(template: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"call it submission\.zip"):
        from firsthand.evals.egocross.submission import submit

        submit(log(tmp_path / "run.jsonl", {1: "C"}), template, tmp_path / "s.json", "A")


def test_eval_submit_writes_the_same_file(template: Path, tmp_path: Path) -> None:
    run = log(tmp_path / "run.jsonl", {n: "ABCD"[n % 4] for n in range(1, 957)})
    ours, theirs = tmp_path / "ours.zip", tmp_path / "theirs.zip"
    words = [run, "--template", template, "--unanswered", "A", "--out"]
    assert cli(*words, theirs).exit_code == 0
    done = CliRunner().invoke(app, ["eval", "submit", "egocross", *map(str, [*words, ours])])
    assert done.exit_code == 0 and "956 answers, 1 filled" in done.output.replace("\n", " ")
    assert owner_files.read_list(ours) == owner_files.read_list(theirs)
    wrong = CliRunner().invoke(app, ["eval", "submit", "egocross", str(run), "--template", "t", "--unanswered", "Z"])
    assert wrong.exit_code == 2
