"""A benchmark with a metric of its own: a record is enough; neither the runner nor the tables know the metric."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.errors import UserError
from firsthand.evals.benchmarks import SUITE, Benchmark
from firsthand.evals.commands import execute
from firsthand.evals.metrics import CHOICE
from firsthand.evals.rows import Gold, Prediction
from firsthand.evals.run_folder import of_file
from firsthand.evals.ways import AsWritten, Run
from firsthand.files import read_json, read_jsonl, write_jsonl


class Partly:
    """1 for the right letter and a half for another one; a reply without a letter cannot be read."""

    name = "partly"
    needs_letters = True

    def value(self, answer: Prediction, gold: Gold) -> float | None:
        letter = answer.choice(gold.letters)
        return None if letter is None else 1.0 if letter == gold.answer else 0.5


class Words:
    """1 where the answer stands in the output."""

    name = "words"
    needs_letters = False

    def value(self, answer: Prediction, gold: Gold) -> float | None:
        return float(gold.answer in answer.output)


@pytest.fixture
def answered(server, tmp_path: Path, monkeypatch):
    """What a run of a benchmark with these metrics leaves behind."""

    def run(rows: Path, *metrics) -> tuple[dict, str]:
        benchmark = Benchmark("mine", "A benchmark of a test.", rows, AsWritten(), metrics, by=("place",))
        monkeypatch.setitem(SUITE, "mine", benchmark)
        execute(benchmark, Run(out=tmp_path / "run", server=server.url, model="tiny"))
        return read_json(tmp_path / "run/results.json")["runs"][0]["scores"], (tmp_path / "run/results.md").read_text()

    return run


def test_shares_of_a_point_are_counted(answered, server, make_questions) -> None:
    server.script = {"q3": ["silent"]}  # it says B to the others
    answers = [("q1", "B", "sink"), ("q2", "C", "sink"), ("q3", "B", "hob")]
    made = [make_questions.question(key, place=place) | {"answer": gold} for key, gold, place in answers]
    scores, table = answered(make_questions(*made), Partly())
    score = scores["answer"]
    assert (score["n"], score["correct"], score["unparsed"]) == (3, 1.5, 1)
    assert {name: group["correct"] for name, group in score["by"].items()} == {"place: hob": 0, "place: sink": 1.5}
    low, high = score["bootstrap"]
    assert low < 0.5 < high, "shares have no Wilson interval: questions are drawn again"
    assert "50.0" in table


def test_a_second_metric_stands_beside_the_first(answered, make_questions) -> None:
    rows = [make_questions.question(key) | {"answer": gold} for key, gold in [("q1", "B"), ("q2", "C")]]
    scores, table = answered(make_questions(*rows), CHOICE, Partly())
    assert {name: score["correct"] for name, score in scores.items()} == {"answer": 1, "answer: partly": 1.5}
    assert "answer: partly" in table


@pytest.mark.parametrize(
    ("broken", "message"),
    [({"answer": "kitchen"}, "q2: .*not one of the letters"), ({"messages": "hello"}, r"rows\.jsonl: row 2: messages")],
)
def test_a_row_that_cannot_be_used_is_said_before_anything_is_asked(
    server, make_questions, tmp_path: Path, broken: dict, message: str
) -> None:
    """And leaves no folder behind that the corrected file would not fit."""
    rows = [make_questions.question(key) | {"answer": "B"} for key in ("q1", "q2")]
    path = tmp_path / "rows.jsonl"
    run, benchmark = Run(out=tmp_path / "run", server=server.url, model="tiny"), of_file(path)
    write_jsonl(path, [rows[0], rows[1] | broken])
    with pytest.raises(UserError, match=message):
        execute(benchmark, run)
    assert not server.requests and not run.out.exists()
    write_jsonl(path, rows)
    execute(benchmark, run)
    assert len(server.requests) == 2


def test_open_questions_are_scored_by_metrics_that_need_no_letters(answered, make_questions) -> None:
    rows = [make_questions.question("q1"), make_questions.question("q2") | {"letters": "", "answer": "so"}]
    scores, _ = answered(make_questions(*rows), CHOICE, Words())
    assert {name: (score["n"], score["correct"]) for name, score in scores.items()} == {
        "answer": (1, 1),
        "answer: words": (2, 2),
    }


def test_open_questions_that_no_metric_can_score_are_refused(server, make_questions, tmp_path: Path) -> None:
    rows = make_questions(make_questions.question("q1"), make_questions.question("q2") | {"letters": ""})
    run = Run(out=tmp_path / "run", server=server.url, model="tiny")
    with pytest.raises(UserError, match=r"questions\.jsonl: row 2: q2 is an open question"):
        execute(of_file(rows), run)
    assert not server.requests and not run.out.exists()
    ask = ["eval", "ask", rows, "--server", server.url, "--model", "tiny", "--out", tmp_path / "answers.jsonl"]
    assert CliRunner().invoke(app, list(map(str, ask))).exit_code == 0
    assert [row["letter"] for row in sorted(read_jsonl(tmp_path / "answers.jsonl"), key=str)] == ["B", None]
    score = ["eval", "score", tmp_path / "answers.jsonl", "--answers", rows]
    done = CliRunner().invoke(app, list(map(str, score)))
    assert done.exit_code == 1 and "row 2: q2 is an open question" in " ".join(done.output.split())
