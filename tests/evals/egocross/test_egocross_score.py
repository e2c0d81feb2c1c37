"""Scores as the official server gives them, with intervals that know that questions share videos."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.errors import UserError
from firsthand.evals.egocross import owner_files
from firsthand.evals.score import bootstrap


def cli(*arguments: Any) -> Any:
    return CliRunner().invoke(app, ["eval", "score", "egocross", *map(str, arguments)])


def log(path: Path, right: set[int], unread: set[int] = frozenset()) -> Path:
    rows = [
        {
            "id": str(n),
            "output": "B",
            "decided": True,
            "letter": None if n in unread else "AB"[n in right],
        }
        for n in range(1, owner_files.TOTAL + 1)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_micro_average_by_domain_category_and_type(release: Path, tmp_path: Path) -> None:
    right = set(range(1, 958, 2)) | set(range(184, 367))
    result = cli(log(tmp_path / "m.jsonl", right, {2, 4}), "--answers", release, "--json")
    assert result.exit_code == 0, result.output
    [row] = json.loads(result.output)["table"]
    assert (row["n"], row["correct"], row["unparsed"], row["missing"]) == (957, len(right), 2, 0)
    groups = {key: (tally["correct"], tally["n"]) for key, tally in row["by"].items()}
    assert groups["domain: animal"] == (183, 183)
    assert groups["domain: surgery"][1] == 283 and groups["domain: industry"][1] == 245
    assert groups["domain: xsports"][1] == 246
    assert (
        groups["primary_category: Counting"] == (479, 479) and groups["question_type: next action prediction"][1] == 478
    )
    for tally in (row, *row["by"].values()):
        low, high = tally["bootstrap"]
        assert low <= tally["correct"] / tally["n"] <= high


def test_the_published_arithmetic(release: Path, tmp_path: Path) -> None:
    """The published overall accuracies are whole numbers of questions out of 957."""
    for correct, published in ((432, "45.14"), (441, "46.08"), (641, "66.98")):
        result = cli(log(tmp_path / "m.jsonl", set(range(1, correct + 1))), "--answers", release)
        assert published in next(line for line in result.output.splitlines() if " all " in line)


def test_two_decimals_as_in_the_ranking_and_both_readers(release: Path, tmp_path: Path) -> None:
    questions = release.with_name("egocross_testbed_imgs.json")
    rows = [row | {"options": ["A: 4", "B: the red cup", "C: 1", "D: 2"]} for row in json.loads(questions.read_text())]
    questions.write_text(json.dumps(rows))
    path = log(tmp_path / "m.jsonl", set(range(1, 433)), {900, 901, 902})
    texts = {"900": "The answer is B.", "901": "the red cup", "902": "A or B"}
    given = [row | {"output": texts.get(row["id"], "")} for row in map(json.loads, path.read_text().splitlines())]
    path.write_text("".join(json.dumps(row) + "\n" for row in given))
    lines = cli(path, "--answers", release).output.splitlines()
    assert "45.14" in next(line for line in lines if " all " in line)
    assert "45.35" in next(line for line in lines if "all, lenient reader" in line)
    assert "2 (0.2 %)" in next(line for line in lines if "read by the lenient reader alone" in line)
    [row] = json.loads(cli(path, "--answers", release, "--json").output)["table"]
    assert (row["only_lenient"], row["lenient"]["correct"], row["lenient"]["unparsed"]) == (2, 434, 1)


def test_two_runs_are_compared_question_by_question(release: Path, tmp_path: Path) -> None:
    one, other = log(tmp_path / "base.jsonl", set(range(1, 433))), log(tmp_path / "sft.jsonl", set(range(1, 442)))
    result = cli(other, "--answers", release, "--against", one)
    assert result.exit_code == 0 and "sft against base: +0.9 points" in result.output
    assert "9 questions right only with sft, 0 only with base" in result.output


def test_without_the_questions_there_are_domains_only(release: Path, tmp_path: Path) -> None:
    release.with_name("egocross_testbed_imgs.json").unlink()
    result = cli(log(tmp_path / "m.jsonl", {1}), "--answers", release, "--json")
    [row] = json.loads(result.output)["table"]
    assert sorted(row["by"]) == [f"domain: {name}" for name in ("animal", "industry", "surgery", "xsports")]


def test_answers_keyed_by_id_are_read_too(release: Path) -> None:
    listed = owner_files.read_answers(release)
    rows = json.loads(release.read_text())
    release.write_text(json.dumps({str(row.pop("id")): row for row in rows}))
    assert owner_files.read_answers(release) == listed


def test_a_submission_is_scored_as_it_is(release: Path, tmp_path: Path) -> None:
    rows = [{"id": n, "answer": "B" if n <= 100 else ""} for n in range(1, 201)]
    (tmp_path / "s.zip").write_bytes(owner_files.zipped(rows))
    [row] = json.loads(cli(tmp_path / "s.zip", "--answers", release, "--json").output)["table"]
    assert (row["correct"], row["unparsed"], row["missing"]) == (100, 100, 757)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.jsonl", '{"id": "x", "output": "B", "decided": true, "letter": "B"}\n', "not an official id"),
        ("m.jsonl", '{"id": "1", "output": "B", "letter": "B"}\n', "not written by"),
        ("m.json", '[{"id": 1, "answer": "A"}, {"id": "1", "answer": "A"}]', "given twice"),
        ("m.zip", "no zip", "not a zip"),
        ("none.zip", None, "no such file"),
    ],
)
def test_predictions_that_cannot_be_read(
    release: Path, tmp_path: Path, name: str, content: str | None, message
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    result = cli(tmp_path / name, "--answers", release)
    assert result.exit_code == 1 and message in result.output


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": 1}], "id 1: no correct_option_letter"),
        ([{"id": 1, "correct_option_letter": "E"}], "id 1: no correct_option_letter"),
        ([{"correct_option_letter": "A"}], "row 1: no id"),
        ([{"id": 1, "correct_option_letter": "A"}] * 2, "row 2: id 1 a second time"),
    ],
)
def test_answers_that_cannot_be_read(tmp_path: Path, rows: list[dict[str, Any]], message: str) -> None:
    (tmp_path / "answers.json").write_text(json.dumps(rows))
    with pytest.raises(UserError, match=message):
        owner_files.read_answers(tmp_path / "answers.json")


def test_the_bootstrap_resamples_videos() -> None:
    alone = [(str(i), (i % 2 == 0, 1)) for i in range(400)]
    together = [(str(i // 40), ((i // 40) % 2 == 0, 1)) for i in range(400)]  # ten videos, each all right or all wrong
    (low, high), (wide_low, wide_high) = bootstrap(alone), bootstrap(together)
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(0.25 / 400), rel=0.15)
    assert (wide_high - wide_low) > 4 * (high - low)
    assert bootstrap([("a", (True, 1))] * 3) == (1.0, 1.0)
