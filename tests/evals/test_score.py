"""Scores against known values and independent implementations."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.errors import UserError
from firsthand.evals.compare import compare, mcnemar
from firsthand.evals.rows import Gold, Prediction, read_rows
from firsthand.evals.score import Score, score, wilson


def gold(answers: str, **columns: list[Any]) -> dict[str, Gold]:
    rows = {}
    for i, answer in enumerate(answers):
        extra = {key: values[i] for key, values in columns.items()}
        rows[f"q{i}"] = Gold.model_validate({"id": f"q{i}", "answer": answer, **extra})
    return rows


def said(letters: str) -> dict[str, Prediction]:
    """One prediction a letter; "." is an answer without a letter and a space is no prediction."""
    outputs = {f"q{i}": f"<answer>{letter}</answer>" for i, letter in enumerate(letters) if letter != " "}
    return {key: Prediction(id=key, output=output) for key, output in outputs.items()}


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)],
)
def test_wilson_against_published_values(correct: int, n: int, low: float, high: float) -> None:
    assert wilson(correct, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_against_scipy(pair: tuple[int, int]) -> None:
    stats = pytest.importorskip("scipy.stats")
    correct, n = pair
    low, high = wilson(correct, n)
    assert 0 <= low <= (correct / n if n else 0) <= high <= 1
    if n:
        reference = stats.binomtest(correct, n).proportion_ci(method="wilson")
        assert (low, high) == pytest.approx((reference.low, reference.high))


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_exact_binomial_test(only_a: int, only_b: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert mcnemar(only_a, only_b) == pytest.approx(expected)


def test_mcnemar_holds_for_thousands_of_questions() -> None:
    assert mcnemar(3000, 3000) == 1.0
    assert 0 < mcnemar(2000, 3000) < 1e-40


def test_missing_and_unparsed_are_wrong_and_counted_apart() -> None:
    result = score("m", said("AB. C") | {"other": Prediction(id="other", output="")}, gold("ABCDA"))
    assert result == Score(model="m", n=5, correct=2, unparsed=1, missing=1, unknown=1)


def test_groups_add_up_and_rows_without_the_key_are_a_group() -> None:
    result = score("m", said("ABCD"), gold("ABAA", label=["scene", "social", "scene", None]), by="label")
    assert {key: (tally.n, tally.correct) for key, tally in result.by.items()} == {
        "(none)": (1, 0),
        "scene": (2, 1),
        "social": (1, 1),
    }
    with pytest.raises(UserError, match="'lable'"):
        score("m", said("A"), gold("A", label=["scene"]), by="lable")


def test_the_letters_of_the_question_decide_what_parses() -> None:
    answers = {"q0": Gold(id="q0", answer="E", letters="ABCDE")}
    assert score("m", said("E"), answers).correct == 1
    with pytest.raises(ValueError, match="not one of the letters"):
        Gold(id="q0", answer="E")


def test_comparison_counts_every_question_once() -> None:
    result = compare(("a", said("AAAA. ")), ("b", said("ABABAB")), gold("ABAAAB"), seed=7)
    assert (result.both, result.only_a, result.only_b, result.neither, result.n) == (2, 1, 3, 0, 6)
    assert result.difference == pytest.approx(2 / 6)
    assert result.p_value == pytest.approx(0.625)
    assert "b against a: +33.3 points" in result.sentence


def test_the_bootstrap_agrees_with_resampling_the_questions_themselves() -> None:
    import numpy as np

    answers, a, b = gold("A" * 60), said("A" * 25 + "B" * 35), said("A" * 15 + "B" * 10 + "A" * 25 + "B" * 10)
    result = compare(("a", a), ("b", b), answers, resamples=40_000, seed=1)
    lead = np.array([0] * 15 + [-1] * 10 + [1] * 25 + [0] * 10)
    means = lead[np.random.default_rng(2).integers(0, 60, (40_000, 60))].mean(axis=1)
    assert result.interval == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])), abs=0.02)


def test_the_bootstrap_is_seeded() -> None:
    runs = [compare(("a", said("ABBA" * 9)), ("b", said("AAAA" * 9)), gold("A" * 36), seed=seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1]
    assert runs[0].seed != runs[2].seed and runs[0].p_value == runs[2].p_value


def test_a_run_against_itself_shows_no_difference() -> None:
    result = compare(("a", said("AB")), ("b", said("AB")), gold("AA"))
    assert (result.difference, result.interval, result.p_value) == (0.0, (0.0, 0.0), 1.0)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    rows = [{"id": f"q{i}", "answer": "A", "label": label} for i, label in enumerate(["scene", "social", "[red]x"])]
    (tmp_path / "gold.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name, letters in [("base", "BBA"), ("grpo", "AA.")]:
        lines = [row.model_dump_json() + "\n" for row in said(letters).values()]
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    return tmp_path


def cli(folder: Path, *arguments: str) -> Any:
    paths = [str(folder / item) if item.endswith(".jsonl") else item for item in arguments]
    return CliRunner().invoke(app, ["eval", "score", *paths], terminal_width=200)


def test_the_command_prints_a_table_and_the_comparison(files: Path) -> None:
    result = cli(
        files, "base.jsonl", "grpo.jsonl", "--answers", "gold.jsonl", "--by", "label", "--against", "base.jsonl"
    )
    assert result.exit_code == 0
    assert "66.7  20.8–93.9" in result.output and "[red]x" in result.output
    assert "grpo against base: +33.3 points" in result.output and "base against base" not in result.output


def test_the_command_prints_json(files: Path) -> None:
    result = cli(files, "grpo.jsonl", "--answers", "gold.jsonl", "--json", "--against", "base.jsonl", "--by", "label")
    report = json.loads(result.output)
    assert [row["model"] for row in report["table"]] == ["grpo", "base"]
    assert report["table"][0]["correct"] == 2 and report["table"][0]["by"]["social"]["correct"] == 1
    assert report["comparisons"][0]["only_b"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.jsonl", "--answers", "gold.jsonl"], "no such file"),
        (["gold.jsonl", "--answers", "gold.jsonl"], "row 1: output: Field required"),
        (["base.jsonl", "--answers", "base.jsonl"], "row 1: answer: Field required"),
        (["base.jsonl", "--answers", "gold.jsonl", "--by", "lable"], "'lable'"),
    ],
)
def test_mistakes_are_one_message(files: Path, arguments: list[str], message: str) -> None:
    result = cli(files, *arguments)
    assert result.exit_code == 1 and message in result.output.replace("\n", " ")


def test_two_predictions_for_one_question_are_refused(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"id": "q0", "output": "A"}\n' * 2)
    with pytest.raises(UserError, match="row 2 repeats the id 'q0'"):
        read_rows(tmp_path / "p.jsonl", Prediction)
