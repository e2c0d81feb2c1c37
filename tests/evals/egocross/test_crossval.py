"""Folds that share nothing, recipes that train on the other folds only, and one score over all held-out answers."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.errors import UserError
from firsthand.evals import crossval
from firsthand.evals.crossval import folds
from firsthand.files import read_jsonl, write_jsonl
from firsthand.question import Question
from firsthand.rollout.prompt import eval_row

LLAMAFACTORY = """#!/bin/sh
# stands for the trainer: what it "learns" is the letter that the recipe's name asks for
mkdir -p "$(sed -n 's/^output_dir: //p' "$2")"
cp "$2" "$(sed -n 's/^output_dir: //p' "$2")/config.json"
"""
FIRSTHAND = """#!/usr/bin/env python3
# stands for `firsthand eval run`: a trained model answers A, the base model B
import json, pathlib, sys
option = dict(zip(sys.argv[4::2], sys.argv[5::2]))
letter = "A" if "trained" in option["--model"] else "B"
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
    for name, text in (("llamafactory-cli", LLAMAFACTORY), ("firsthand", FIRSTHAND)):
        script = tmp_path / "bin" / name
        script.write_text(text)
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(crossval, "BIN", tmp_path / "bin")
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
