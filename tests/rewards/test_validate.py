"""`firsthand reward`: gold answers earn the full score, wrong ones do not, and faults are named by row and key."""

import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.doctor import recipes as doctor
from firsthand.files import write_jsonl
from firsthand.rewards import function
from firsthand.rewards.validate import KEPT, validate

from .conftest import BEYOND, GOLDS, NEVER_PAID, built, release_row

ALL = [gold for golds in GOLDS.values() for gold in golds]


def run(*words: Any, text: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, ["reward", *map(str, words)], input=text)
    return result.exit_code, result.output


def row(gold: Any, kind: str = "multiple choice", letters: str = "ABCD", agent: str = "single_turn_agent") -> Any:
    info = {"index": 0, "problem_type": kind, "letters": letters}
    return {"data_source": "x", "reward_model": {"ground_truth": gold}, "extra_info": info, "agent_name": agent}


def test_every_type_of_video_r1_is_paid_strictly(rows: Path, recipe) -> None:
    code, output = run("validate", rows, "--recipe", recipe("video_r1.py"))
    assert code == 0, output
    assert "2 OCR, 3 free-form, 2 multiple choice, 5 numerical, 2 regression; the full score is 2" in output


def test_rows_as_the_evaluation_files_of_video_r1_have_them(tmp_path: Path, recipe) -> None:
    """Ten options (VideoMMMU), decimals (VSI-Bench), no options as `null`; and the types that the release lacks."""
    ten = [f"{letter}. thing {letter}" for letter in "ABCDEFGHIJ"]
    made = [release_row("multiple choice", "J", ten), release_row("multiple choice", "C"),
            release_row("regression", "2.4"), release_row("regression", "6")]  # fmt: skip
    made += [release_row(kind, gold) for kind, golds in BEYOND.items() for gold in golds]
    code, output = run("validate", built(tmp_path, made), "--recipe", recipe("video_r1.py"))
    assert code == 0, output
    assert "1 math, 2 multiple choice, 1 pointing, 2 regression, 1 spatial grounding, 2 temporal grounding" in output


def test_what_published_code_can_never_pay_is_named(rows: Path, recipe) -> None:
    code, output = run("validate", rows, "--recipe", recipe("video_r1.py", "{preset: released}"))
    assert code == 1
    named = {
        int(number) - 1: gold
        for number, gold in re.findall(r"row (\d+): reward_model.ground_truth: .*?'(.*?)'", output)
    }
    assert {ALL[number] for number in named} == set(named.values()) == NEVER_PAID
    assert f"{rows}: row 6: reward_model.ground_truth: the gold answer '25%' (numerical) earns 1 of 2" in output


def test_a_reward_that_pays_wrong_answers(rows: Path, recipe, tmp_path: Path) -> None:
    (tmp_path / "kind.py").write_text("def compute_score(**given):\n    return 1.0\n")
    code, output = run("validate", rows, "--recipe", recipe("kind.py"))
    assert code == 1 and "row 1: reward_model.ground_truth: 'B' earns the full 1, as the gold answer 'A'" in output
    assert f"{3 * len(ALL)} problems" in output


def test_a_reward_for_letters_alone_misses_the_others(rows: Path, recipe) -> None:
    code, output = run("validate", rows, "--recipe", recipe("choice.py", "{parts: {accuracy: 1.0, format: 0.1}}"))
    assert code == 1 and "row 3: reward_model.ground_truth: the gold answer '42' (numerical) earns 0.1 of 1.1" in output


@pytest.mark.parametrize(("broken", "message"), [
    (row(None), "row 2: reward_model.ground_truth is missing"),
    (row("B", letters=4), "row 2: a value is not of the form of these rows"),
    (row("B") | {"extra_info": ["x"]}, "row 2: a value is not of the form of these rows"),
    ({"prompt": "x"}, "row 2: reward_model is missing: this is not a row of veRL"),
    (row("x", kind="essay"), "row 2: .*problem_type: 'essay' is not one of multiple choice"),
    (row("B", letters="AC"), r"row 2: .*the gold answer 'B' \(multiple choice\) earns 0.1 of 1.1"),
])  # fmt: skip
def test_a_row_that_cannot_be_paid(tmp_path: Path, recipe, broken: Any, message: str) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [row("B"), broken, row("C")])
    code, output = run("validate", tmp_path / "rows.jsonl", "--recipe", recipe("by_type.py"))
    assert (
        code == 1 and re.search(message, output) and "2 multiple choice" in output.replace("3 multiple", "2 multiple")
    )


def test_time_and_space_are_paid(tmp_path: Path, recipe) -> None:
    kinds = {
        "temporal grounding": "10-20",
        "spatial grounding": "[0, 0, 9, 9]",
        "pointing": "[0, 0, 9, 9]",
        "math": "1/2",
    }
    write_jsonl(tmp_path / "rows.jsonl", [row(gold, kind, "") for kind, gold in kinds.items()])
    code, output = run("validate", tmp_path / "rows.jsonl", "--recipe", recipe("by_type.py"))
    assert code == 0 and "1 temporal grounding" in output, output


def test_another_form_is_found(tmp_path: Path, recipe) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [row("B"), row("C")])
    parts = "{parts: {accuracy: 1.0, format: 0.0, think_answer_object: 1.0}}"
    code, output = run("validate", tmp_path / "rows.jsonl", "--recipe", recipe("by_type.py", parts))
    assert code == 0 and "the full score is 2" in output


def test_an_agent_is_tried_with_a_trace(tmp_path: Path, recipe) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [row("B", agent="ego_r1"), row("C", agent="ego_r1_native")])
    code, output = run("validate", tmp_path / "rows.jsonl", "--recipe", recipe("ego_r1.py"))
    assert code == 0 and "the full score is 1" in output
    write_jsonl(tmp_path / "rows.jsonl", [row("B")])
    code, output = run("validate", tmp_path / "rows.jsonl", "--recipe", recipe("ego_r1.py"))
    assert code == 1 and "row 1" in output and "'trace'" in output


def test_a_judge_is_not_asked(tmp_path: Path, recipe) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [row("A man runs.", "free-form", "")])
    judge = "{judge: {server: 'http://127.0.0.1:9', model: m}}"
    code, output = run("validate", tmp_path / "rows.jsonl", "--recipe", recipe("judge.py", judge))
    assert code == 0 and "2 wrong answers were not scored" in output


def test_the_full_score_is_known_after_the_last_row_and_few_problems_are_kept(tmp_path: Path, recipe) -> None:
    """The reward pays what the gold answer says; the last row shows that all others earned less than the full score."""
    (tmp_path / "said.py").write_text(
        "def compute_score(solution_str, ground_truth, **more):\n"
        "    return float(ground_truth) if f'>{ground_truth}<' in solution_str else 0.0\n"
    )
    write_jsonl(tmp_path / "rows.jsonl", [row(gold, "numerical", "") for gold in ["1"] * 999 + ["2"] * 2 + ["1"] * 9])
    seen = validate(tmp_path / "rows.jsonl", function.of_recipe(recipe("said.py"))[1])
    assert (seen.full, seen.count, seen.rows["numerical"]) == (2.0, 1008, 1010)
    assert [problem.split(": ")[1] for problem in seen.problems] == [f"row {n}" for n in range(1, KEPT + 1)]
    assert "earns 1 of 2" in seen.problems[0]


def test_a_wrong_answer_that_is_paid_in_full_is_counted_once_the_full_score_is_known(tmp_path: Path, recipe) -> None:
    (tmp_path / "any.py").write_text(
        "def compute_score(solution_str, ground_truth, **more):\n    return 1.0 if ground_truth == '1' else "
        "2.0 * ('>2<' in solution_str) + 1.0\n"
    )
    write_jsonl(tmp_path / "rows.jsonl", [row(gold, "numerical", "") for gold in ("1", "2")])
    seen = validate(tmp_path / "rows.jsonl", function.of_recipe(recipe("any.py"))[1])
    assert seen.full == 3.0 and seen.paid.count == 0, "what row 1 pays for anything is not the full score"
    assert [problem.split(": ")[1] for problem in seen.problems] == ["row 1"]


def test_a_folder_and_the_first_rows(rows: Path, recipe) -> None:
    code, output = run("validate", rows.parent, "--recipe", recipe("video_r1.py", "{preset: released}"), "--rows", "2")
    assert code == 0 and "2 multiple choice" in output


def test_no_rows(tmp_path: Path, recipe) -> None:
    (tmp_path / "empty").mkdir()
    code, output = run("validate", tmp_path / "empty", "--recipe", recipe("video_r1.py"))
    assert code == 1 and "holds no *.parquet" in output


def test_one_text_is_shown_part_by_part(recipe) -> None:
    file = recipe("by_type.py")
    code, output = run("try", file, "<think>x</think><answer>B</answer>", "--gold", "B")
    assert code == 0 and dict(map(str.split, output.splitlines()))["score"] == "1.1"
    code, output = run("try", file, "-", "--gold", "42", "--type", "numerical", text="<answer>43</answer>")
    assert dict(map(str.split, output.splitlines())) == {
        "score": "0", "accuracy": "0", "format": "0", "unreadable": "0",
    }  # fmt: skip


def findings(file: Path) -> list[str]:
    return [found.message for found in doctor.check(file).findings if found.rule == "VR060"]


def test_the_doctor_tries_the_first_rows(rows: Path, recipe) -> None:
    assert findings(recipe("video_r1.py", data=rows)) == []
    [message] = findings(recipe("video_r1.py", "{preset: released}", rows))
    assert "row 6: reward_model.ground_truth: the gold answer '25%'" in message
    assert "(5 such answers in the first 50 rows)" in message
    assert findings(recipe("video_r1.py", "{preset: released}")) == [], "no data, no finding"


def test_what_a_reward_prints_does_not_reach_the_doctors_json(rows: Path, recipe, tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(
        "print('hello')\ndef compute_score(**given):\n    print('hello')\n    return 1.0\n"
    )
    file = recipe("loud.py", data=rows)
    result = CliRunner().invoke(app, ["doctor", "--json", "--no-environment", "--recipe", str(file)])
    assert "VR060" in [found["rule"] for found in json.loads(result.stdout)["findings"]]


def test_rows_keep_the_type_and_the_gold_answer(rows: Path) -> None:
    made = pq.read_table(rows).to_pylist()
    assert [(one["extra_info"]["problem_type"], one["reward_model"]["ground_truth"]) for one in made] == [
        (kind, gold) for kind, golds in GOLDS.items() for gold in golds
    ]
