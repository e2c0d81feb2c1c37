"""Folds that share nothing, recipes that train on the other folds only, and one score over all held-out answers."""

import json
import stat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.errors import UserError
from firsthand.evals import candidates
from firsthand.evals.crossval import folds
from firsthand.files import read_jsonl, write_jsonl
from firsthand.question import Question
from firsthand.rollout.prompt import eval_row, verl_row, with_placeholders

LLAMAFACTORY = """#!/bin/sh
# stands for the trainer: what it "learns" is the letter that the recipe's name asks for
mkdir -p "$(sed -n 's/^output_dir: //p' "$2")"
cp "$2" "$(sed -n 's/^output_dir: //p' "$2")/config.json"
"""
PYTHON = """#!/usr/bin/env python3
# stands for veRL: its checkpoint is the command line
import pathlib, sys
folder = pathlib.Path(next(word for word in sys.argv if "default_local_dir" in word).partition("=")[2])
folder.mkdir(parents=True)
(folder / "latest_checkpointed_iteration.txt").write_text(" ".join(sys.argv))
"""
FIRSTHAND = """#!/usr/bin/env python3
# stands for `firsthand export` and `firsthand eval run`: a trained model answers A, the base model B
import json, pathlib, sys
if sys.argv[1] == "export":
    merged = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
    merged.mkdir()
    sys.exit((merged / "config.json").write_text("{}") and 0)
option = dict(zip(sys.argv[4::2], sys.argv[5::2]))
letter = "A" if "fold" in option["--model"] else "B"
folder = pathlib.Path(option["--out"])
folder.mkdir()
with open(folder / "answers.jsonl", "w") as out:
    for line in open(option["--rows"]):
        print(json.dumps({"id": json.loads(line)["id"], "output": "", "decided": True, "letter": letter}), file=out)
"""


def question(number: int, domain: str, video: str, answer: str = "A") -> Question:
    return Question(
        id=f"{domain}-{number}", question="?", options={"A": "1", "B": "2"}, answer=answer, images=["a.png"],
        style="egocross", data_source="egocross", split="train", labels={"domain": domain, "source_video": video},
    )  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 9)), min_size=12, max_size=80), st.integers(2, 5))
def test_folds_cut_between_videos_and_lose_nothing(drawn: list[tuple[str, int]], count: int) -> None:
    questions = [question(n, domain, str(video)) for n, (domain, video) in enumerate(drawn)]
    videos = {(q.labels["domain"], q.labels["source_video"]) for q in questions}
    if len(videos) < count:
        with pytest.raises(UserError, match="too few"):
            folds(questions, count, 0)
        return
    parts = folds(questions, count, 0)
    assert sorted(q.id for part in parts for q in part) == sorted(q.id for q in questions)
    where = [{(q.labels["domain"], q.labels["source_video"]) for q in part} for part in parts]
    assert sum(map(len, where)) == len(videos) and all(where)


def test_too_few_videos_are_refused_with_what_can_be_done() -> None:
    two = [question(n, "animal", video) for n, video in enumerate("ab")]
    with pytest.raises(UserError, match="give --folds 2"):
        folds(two, 5, 0)
    with pytest.raises(UserError, match="needs two videos"):
        folds(two[:1], 5, 0)


def test_every_fold_has_its_share_of_every_domain() -> None:
    questions = [question(n, domain, str(n // 2)) for domain in ("animal", "surgery") for n in range(20)]
    for part in folds(questions, 5, 0):
        assert sorted(q.labels["domain"] for q in part) == ["animal"] * 4 + ["surgery"] * 4


@pytest.fixture
def project(tmp_path: Path, monkeypatch) -> Path:
    (tmp_path / "bin").mkdir()
    for name, text in (("llamafactory-cli", LLAMAFACTORY), ("firsthand", FIRSTHAND), ("python", PYTHON)):
        script = tmp_path / "bin" / name
        script.write_text(text)
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(candidates, "BIN", tmp_path / "bin")
    monkeypatch.chdir(tmp_path)
    rows = [question(n, "animal", f"v{n}", "AAB"[n % 3]) for n in range(12)]
    write_jsonl(tmp_path / "support/eval.jsonl", map(eval_row, rows))
    recipe = {"model_name_or_path": "models/x", "template": "qwen3_vl_nothink", "finetuning_type": "full"}
    (tmp_path / "full.yaml").write_text(yaml.safe_dump(recipe | {"learning_rate": 1e-5, "output_dir": "runs/full"}))
    return tmp_path


def cli(*arguments: Any) -> Any:
    fixed = ["--rows", "support/eval.jsonl", "--out", "out", "--folds", "3"]
    return CliRunner().invoke(app, ["eval", "crossval", *map(str, arguments), *fixed])


def test_each_row_is_answered_by_a_model_that_has_not_seen_it(project: Path) -> None:
    result = cli("full.yaml")
    assert result.exit_code == 0, result.output
    table = json.loads((project / "out/table.json").read_text())
    assert {row["model"]: (row["correct"], row["n"]) for row in table["table"]} == {"base": (4, 12), "full": (8, 12)}
    assert "full against base: +33.3 points" in result.output
    for fold in range(3):
        recipe = yaml.safe_load((project / f"out/full/fold_{fold}/train.yaml").read_text())
        assert (recipe["dataset"], recipe["dataset_dir"], recipe["learning_rate"]) == (
            f"fold_{fold}",
            "out/folds",
            1e-5,
        )
        held = {row["question"] + row["id"] for row in read_jsonl(project / f"out/folds/held_out_{fold}.jsonl")}
        assert len(held) == 4 and len(list(read_jsonl(project / f"out/folds/train_{fold}.jsonl"))) == 8
        assert len(list(read_jsonl(project / f"out/full/fold_{fold}/asked/answers.jsonl"))) == 4


def test_a_second_run_reuses_what_is_done(project: Path) -> None:
    cli("full.yaml")
    trained = project / "out/full/fold_0/trained/config.json"
    before = trained.stat().st_mtime_ns
    assert cli("full.yaml").output.count("reused") == 7 and trained.stat().st_mtime_ns == before
    (project / "full.yaml").write_text((project / "full.yaml").read_text().replace("1.0e-05", "2.0e-05"))
    assert cli("full.yaml").output.count("reused") == 1, "another recipe trains again; the base model stays"


VERL = """\
defaults: [ppo_trainer, _self_]
data: {train_files: support/rl_train.parquet, max_prompt_length: 900, max_response_length: 100}
actor_rollout_ref: {model: {path: models/x}, rollout: {max_model_len: 1000}}
"""


@pytest.fixture
def verl(project: Path) -> Path:
    """A recipe whose rows show the first two of three frames, with words of their own."""
    questions = [
        question(n, "animal", f"v{n}", "AAB"[n % 3]).model_copy(
            update={"images": [f"{n}_{k}.png" for k in range(3)], "times": [0.0, 2.0, 5.0]}
        )
        for n in range(12)
    ]
    write_jsonl(project / "support/eval.jsonl", map(eval_row, questions))
    shown = [
        one.model_copy(update={"images": one.images[:2], "times": one.times[:2], "system": "Think."})
        for one in questions
    ]
    rows = [verl_row(one, number) for number, one in enumerate(shown)]
    pq.write_table(pa.Table.from_pylist(rows[::-1]), project / "support/rl_train.parquet")
    (project / "grpo.yaml").write_text(VERL)
    return project


def test_a_recipe_of_verl_learns_from_its_own_rows_of_the_other_folds(verl: Path) -> None:
    result = cli("grpo.yaml")
    assert result.exit_code == 0, result.output
    everything = {f"animal-{n}" for n in range(12)}
    for fold in range(3):
        taught = pq.read_table(verl / f"out/folds/grpo/train_{fold}.parquet").to_pylist()
        asked = list(read_jsonl(verl / f"out/folds/grpo/held_out_{fold}.jsonl"))
        ids = {row["extra_info"]["id"] for row in taught}
        assert len(taught) == 8 and {row["id"] for row in asked} == everything - ids
        command = (verl / f"out/grpo/fold_{fold}/trained/latest_checkpointed_iteration.txt").read_text()
        assert f"data.train_files=out/folds/grpo/train_{fold}.parquet" in command
        assert "--config-dir . --config-name grpo" in command
        for row in asked:  # as the training would ask it
            theirs = next(one for one in pq.read_table(verl / "support/rl_train.parquet").to_pylist()
                          if one["extra_info"]["id"] == row["id"])  # fmt: skip
            assert with_placeholders(row["messages"]) == theirs["prompt"] and row["images"] == theirs["images"]
    assert cli("grpo.yaml").output.count("reused") == 10


def test_recipes_of_both_frameworks_are_compared_each_with_its_own_baseline(verl: Path) -> None:
    assert cli("full.yaml", "grpo.yaml").exit_code == 0
    table = json.loads((verl / "out/table.json").read_text())
    assert [row["model"] for row in table["table"]] == ["base", "full", "base-grpo", "grpo"]
    assert [(row["a"], row["b"]) for row in table["comparisons"]] == [("base", "full"), ("base-grpo", "grpo")]


def test_a_question_without_its_row_of_verl(verl: Path) -> None:
    table = pq.read_table(verl / "support/rl_train.parquet")
    pq.write_table(table.slice(1), verl / "support/rl_train.parquet")
    result = cli("grpo.yaml")
    assert result.exit_code == 1 and "no row has the id 'animal-11' (1 are missing)" in result.output.replace("\n", " ")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: (p / "full.yaml").write_text("a: 1"), "model_name_or_path, template, finetuning_type is missing"),
        (lambda p: (p / "full.yaml").write_text("a: [1"), "expected ',' or ']'"),
        (lambda p: (p / "full.yaml").unlink(), "no such file"),
        (lambda p: (p / "support/eval.jsonl").write_text(
            json.dumps(eval_row(question(1, "a", "v").model_copy(update={"answer": None}))) + "\n"), "has no answer"),
    ],
)  # fmt: skip
def test_mistakes_are_one_message(project: Path, spoil, message: str) -> None:
    spoil(project)
    result = cli("full.yaml")
    assert result.exit_code == 1 and message in result.output.replace("\n", " ")
