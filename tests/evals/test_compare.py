"""Which differences are real: p-values counted by hand, false alarms counted by simulation, runs compared by folder."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.evals.compare import compare, holm, mcnemar, sign_flips
from firsthand.evals.rows import Gold, Prediction


class Worth:
    """The output is what it is worth."""

    name = "worth"
    needs_letters = False

    def value(self, answer: Prediction, gold: Gold) -> float:
        return float(answer.output)


def said(letters: Any, form: str = "<answer>{}</answer>") -> dict[str, Prediction]:
    return {f"q{i}": Prediction(id=f"q{i}", output=form.format(letter)) for i, letter in enumerate(letters)}


def gold(n: int, **keys: list[Any]) -> dict[str, Gold]:
    return {f"q{i}": Gold(id=f"q{i}", answer="A", **{key: keys[key][i] for key in keys}) for i in range(n)}


def test_sign_flips_are_counted() -> None:
    # 1, 2, 3: of the eight sums of +-1 +-2 +-3 only 6 and -6 are as large as 6; 4 and -4 beside them as large as 4.
    assert sign_flips([1, 2, 3]) == pytest.approx(2 / 8)
    assert sign_flips([-1, 2, 3]) == pytest.approx(4 / 8)
    assert sign_flips([0, 0]) == 1.0
    assert sign_flips([0.1, 0.2, -0.3]) == 1.0


def test_mcnemar_is_sign_flips_of_right_and_wrong() -> None:
    assert mcnemar(1, 7) == pytest.approx(2 * (1 + 8) / 2**8) == sign_flips([1] * 7 + [-1])
    assert sign_flips([1] * 30 + [-1] * 14, resamples=20_000) == pytest.approx(mcnemar(14, 30), abs=0.005)


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.03, 0.4 times 4, 3, 2, 1; a larger p-value is never corrected to a smaller one.
    assert holm([0.03, 0.01, 0.4, 0.02]) == pytest.approx([0.06, 0.04, 0.4, 0.06])
    assert holm([0.7, 0.6]) == [1.0, 1.0] and holm([]) == []


def test_the_questions_needed_are_those_of_the_textbook() -> None:
    # 30 better and 10 worse of 200: 0.1 apart, and 0.2 differ. (1.959964 sqrt(0.2) + 0.841621 sqrt(0.19))^2 / 0.01
    result = compare(("a", said("A" * 10 + "B" * 30 + "A" * 160)), ("b", said("B" * 10 + "A" * 190)), gold(200))
    assert (result.only_a, result.only_b, result.needed) == (10, 30, 155)
    assert result.visible == pytest.approx(2.801585 * (0.2 / 200) ** 0.5, abs=1e-6)
    assert compare(("a", said("A")), ("b", said("A")), gold(1)).needed is None


def test_questions_of_a_video_are_flipped_together() -> None:
    # Three videos of four questions, b better in all of two videos and worse in one question of the third.
    answers = gold(12, video=["x"] * 4 + ["y"] * 4 + ["z"] * 4)
    runs = ("a", said("BBBBBBBBABBB")), ("b", said("AAAAAAAABBBB"))
    alone, together = compare(*runs, answers), compare(*runs, answers, cluster="video")
    assert alone.p_value == mcnemar(1, 8) and alone.test == "exact McNemar" and alone.clusters is None
    assert together.p_value == pytest.approx(4 / 8) and together.test == "sign flips" and together.clusters == 3
    assert alone.needed is not None and together.needed is not None and together.needed > 2 * alone.needed


def test_parts_of_a_point_are_compared_by_what_they_are_worth() -> None:
    runs = ("a", said([0.5, 0.2, 1.0, 0.0], "{}")), ("b", said([0.7, 0.6, 1.0, 0.0], "{}"))
    result = compare(*runs, gold(4), metric=Worth())
    assert result.difference == pytest.approx(0.6 / 4) and result.graded
    assert (result.only_b, result.only_a, result.both, result.neither) == (2, 0, 1, 1)
    assert result.p_value == pytest.approx(2 / 4) and result.test == "sign flips"
    assert "2 questions better with b, 0 with a" in result.sentence


def _pairs(random: np.random.Generator, shared: float) -> tuple[dict, dict]:
    """Two runs that are equally good on 30 videos of six questions; `shared` of a video's questions go one way."""
    whole = random.random((2, 30, 1)) < 0.5
    single = random.random((2, 30, 6)) < 0.5
    right = np.where(random.random((1, 30, 6)) < shared, whole, single).reshape(2, 180)
    a, b = (said(np.where(row, "A", "B")) for row in right)
    return a, b


@pytest.mark.parametrize(("shared", "cluster"), [(0.0, None), (0.7, "video")])
@pytest.mark.parametrize(("many", "least", "most"), [
    (100, 0.0, 0.12),
    pytest.param(400, 0.02, 0.09, marks=pytest.mark.long),
])  # fmt: skip
def test_equal_runs_look_different_in_one_of_twenty(
    shared: float, cluster: str | None, many: int, least: float, most: float
) -> None:
    """Simulated pairs, seed 3: the error of a share of 5 % is 2.2 points with 100 of them, 1.1 with 400; so three."""
    random, answers = np.random.default_rng(3), gold(180, video=[i // 6 for i in range(180)])
    pairs = [_pairs(random, shared) for _ in range(many)]
    found = [compare(("a", a), ("b", b), answers, cluster=cluster, resamples=1000) for a, b in pairs]
    by_test = np.mean([one.p_value < 0.05 for one in found])
    by_interval = np.mean([not one.interval[0] <= 0 <= one.interval[1] for one in found])
    assert least < by_test < most and least < by_interval < most
    if cluster:
        blind = np.mean([compare(("a", a), ("b", b), answers, resamples=10).p_value < 0.05 for a, b in pairs])
        assert blind > 0.15  # who takes the questions for independent is fooled


@pytest.fixture
def write_run(tmp_path: Path) -> Any:
    def write(name: str, letters: str, benchmark: str = "file", first: int = 0, video: int = 1) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        ids = range(first, first + len(letters))
        rows = [
            {"id": f"q{i}", "answer": "A", "letters": "AB", "question": f"what {i} ?", "video": f"v{i // video}"}
            | {"messages": [{"role": "user", "content": f"what {i} ?"}], "options": {"A": "a", "B": "b"}}
            for i in ids
        ]
        given = [
            {"id": f"q{i}", "output": f"<answer>{letter}</answer>", "settings": {}}
            for i, letter in zip(ids, letters, strict=True)
        ]
        for file, content in (("questions", rows), ("answers", given)):
            (folder / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in content))
        (folder / "run.json").write_text(json.dumps({"benchmark": benchmark}))
        return folder

    return write


def command(*arguments: Any) -> Any:
    return CliRunner().invoke(app, ["eval", "compare", *map(str, arguments)], terminal_width=220)


def test_runs_of_two_benchmarks_are_corrected_together(write_run, tmp_path: Path) -> None:
    paths = [write_run("f/a", "A" * 8 + "B" * 12), write_run("f/b", "A" * 16 + "B" * 4)]
    paths += [write_run("e/a", "A" * 6 + "B" * 6, "egocross"), write_run("e/b", "B" * 6 + "A" * 6, "egocross")]
    result = command(*paths, "--out", tmp_path / "found")
    assert result.exit_code == 0, result.output
    one, two = json.loads((tmp_path / "found.json").read_text())
    assert (one["p_value"], one["corrected"], one["real"]) == (2 / 2**8, 4 / 2**8, True)
    assert (two["p_value"], two["corrected"], two["real"], two["clusters"]) == (1.0, 1.0, False, 12)
    text = (tmp_path / "found.md").read_text()
    assert "| yes |" in text and "not shown" in text and "Holm over 2 comparisons" in text


def test_runs_on_other_questions_are_refused_with_counts(write_run) -> None:
    result = command(write_run("a", "AAAA"), write_run("b", "AAAAA", first=2))
    said = " ".join(result.output.split())
    assert result.exit_code == 1 and "4 and 5 questions with an answer, 2 the same" in said
    assert "2 only" in said and "(such as q0)" in said and "3 only" in said and "(such as q4)" in said


def test_a_run_without_a_partner_is_refused(write_run) -> None:
    result = command(write_run("a", "AA"), write_run("b", "AA", "egocross"))
    assert result.exit_code == 1 and "the only run of file" in result.output


def test_what_was_never_answered_is_said(write_run) -> None:
    whole, part = write_run("a", "AAAA"), write_run("b", "AAAA")
    lines = (part / "answers.jsonl").read_text().splitlines()
    (part / "answers.jsonl").write_text("\n".join(lines[:3]) + "\n")
    result = command(whole, part)
    assert result.exit_code == 0 and "1 questions were never answered" in " ".join(result.output.split())


class AsPool:
    """The mean again, as a score of pooled counts."""

    name = "pool"
    needs_letters = False

    def value(self, answer: Prediction, gold: Gold) -> float:
        return float(answer.output)

    def counts(self, answer: Prediction | None, gold: Gold) -> tuple[float, ...]:
        return (float(answer.output) if answer else 0.0, 1)

    def of(self, sums: Any) -> Any:
        return sums[..., 0] / sums[..., 1]


def test_a_pooled_score_that_is_a_mean_is_compared_as_one() -> None:
    random = np.random.default_rng(5)
    a, b = said(random.random(60).round(2), "{}"), said((0.1 + random.random(60)).round(2), "{}")
    answers = gold(60, video=[i // 3 for i in range(60)])
    mean, pool = (compare(("a", a), ("b", b), answers, metric=how, cluster="video") for how in (Worth(), AsPool()))
    assert pool.difference == pytest.approx(mean.difference) and pool.test == "exchanges"
    assert pool.interval == pytest.approx(mean.interval, abs=0.01)
    assert pool.p_value == pytest.approx(mean.p_value, abs=0.02)
    assert pool.needed and mean.needed and 0.6 < pool.needed / mean.needed < 1.6
