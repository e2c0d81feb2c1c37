"""EgoCross from the releases' own files to a scored submission, through the real frameworks, at the smallest size."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import yaml
from PIL import Image

from firsthand.evals.egocross.owner_files import RANGES, dataset_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
MODEL = ROOT / "models/tiny_qwen3_vl"
OPTIONS = ["a cup", "a book", "a key", "a pen"]
VIDEOS = {"EgoPet": ("animal", "ii", 30), "ENIGMA": ("industry", "oc", 30), "CholecTrack20": ("surgery", "npp", 25)}


def draw(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((128, 96), Image.Resampling.NEAREST).save(path)


def support(folder: Path) -> None:
    """Twelve rows as released: no tags in a registry, options in two styles, frames numbered as in the video."""
    rows = []
    for number in range(12):
        dataset = list(VIDEOS)[number % 3]
        domain, kind, stride = VIDEOS[dataset]
        images = [f"frames/{dataset}/v{number}/frames/{kind}_q{number}/frame_{n * stride}.jpg" for n in range(3)]
        for n, path in enumerate(images):
            draw(folder / path, 10 * number + n)
        mark = ":" if domain == "surgery" else "."
        options = [f"{letter}{mark} {text}" for letter, text in zip("ABCD", OPTIONS, strict=True)]
        asked = "<image>" * 3 + "\n".join([f"What is held in scene {number}?", *options])
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": "ABCD"[number % 4]}]
        rows.append({"messages": turns, "images": images, "domain": domain})
    (folder / "train.json").write_text(json.dumps(rows))


def hidden_test(folder: Path) -> None:
    """Six questions without question_id, paths with a slash in front; template and answers as published."""
    questions, answers = [], []
    for number, dataset in enumerate(list(VIDEOS) * 2):
        key = RANGES[dataset][0] + number
        frames = [f"egocross_testbed/{dataset}/generated/t{number}/frames/x_q{key}/frame_{n:05}.jpg" for n in range(3)]
        for n, path in enumerate(frames):
            draw(folder / path, 1000 + 10 * number + n)
        questions.append({
            "id": key, "dataset": dataset, "primary_category": "Counting", "question_type": "object counting",
            "question_text": f"What is held in clip {number}?", "original_video_fps": 30.0,
            "options": [f"{letter}: {text}" for letter, text in zip("ABCD", OPTIONS, strict=True)],
            "video_path": [f"/{path}" for path in frames],
        })  # fmt: skip
        answers.append({"id": key, "question_id": f"{dataset}_t{number}_q{key}_x", "correct_option_letter": "B"})
    template = [
        {"id": n, "question_id": f"{dataset_of(n)}_t_q{n}_x", "dataset": dataset_of(n), "answer": ""}
        for n in range(1, 958)
    ]
    for name, content in (("imgs", questions), ("answers", answers)):
        (folder / f"egocross_testbed/egocross_testbed_{name}.json").write_text(json.dumps(content))
    (folder / "egocross_testbed/submission_template.json").write_text(json.dumps(template))


@pytest.fixture
def sh(tmp_path: Path) -> Callable[..., str]:
    def run(program: str, *words: object) -> str:
        command = [str(BIN / program), *map(str, words)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=850)
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    return run


def test_build_check_train_export_run_submit_score(tmp_path: Path, sh: Callable[..., str]) -> None:
    support(tmp_path / "support")
    hidden_test(tmp_path / "test")
    train, merge = ROOT / "recipes/egocross/tiny_sft_lora.yaml", ROOT / "recipes/egocross/tiny_merge_lora.yaml"
    sh("firsthand", "data", "build", "egocross_test", "--src", "test")
    sh("firsthand", "data", "build", "egocross_support", "--src", "support")
    sh("firsthand", "data", "register")
    sh("firsthand", "data", "check", "egocross_support", "--model", MODEL, "--root", "datasets/egocross_support/media")
    sh("llamafactory-cli", "train", train, f"model_name_or_path={MODEL}", "max_steps=4", "cutoff_len=1024")
    sh("firsthand", "export", merge, f"model_name_or_path={MODEL}")

    merged, answers = "runs/tiny_sft_egocross_lora_merged", tmp_path / "runs/egocross"
    ways = ["--method", "logprob", "--rotate", "--by-path", "--min-pixels", 1]
    sh("firsthand", "eval", "run", "egocross", "--model", merged, "--out", answers, "--max-model-len", 1024, *ways)
    rows = [json.loads(line) for line in (answers / "answers.jsonl").read_text().splitlines()]
    assert len(rows) == 6 and all(row["letter"] in "ABCD" and row["frames"] == 3 and not row["halved"] for row in rows)
    assert all(row["shares"][row["letter"]] == max(row["shares"].values()) > 0 for row in rows)

    template = "test/egocross_testbed/submission_template.json"
    sh("firsthand", "submit", "egocross", answers, "--template", template, "--unanswered", "A")
    submitted = json.loads(ZipFile(tmp_path / "submission.zip").read("predictions.json"))
    assert {row["id"]: row["answer"] for row in submitted}.items() >= {
        int(row["id"]): row["letter"] for row in rows
    }.items()
    official = ["--answers", "test/egocross_testbed/egocross_testbed_answers.json", "--json"]
    [scored] = json.loads(sh("firsthand", "eval", "score", "egocross", answers, *official))["table"]
    assert scored["n"] == 6 and scored["correct"] == sum(row["letter"] == "B" for row in rows)
    assert {"domain: animal", "primary_category: Counting", "question_type: object counting"} <= scored["by"].keys()


@pytest.mark.long
def test_a_recipe_is_compared_with_its_base_by_folds(tmp_path: Path, sh: Callable[..., str]) -> None:
    """Both folds are really trained and every held-out row is answered by the model that has not seen it."""
    support(tmp_path / "support")
    recipe = yaml.safe_load((ROOT / "recipes/egocross/tiny_sft.yaml").read_text())
    recipe |= {"model_name_or_path": str(MODEL), "max_steps": 3, "cutoff_len": 1024, "image_min_pixels": 1024}
    (tmp_path / "three_steps.yaml").write_text(yaml.safe_dump(recipe))
    sh("firsthand", "data", "build", "egocross_support", "--src", "support")
    asking = "--method logprob --by-path --min-pixels 1024 --max-model-len 1024"
    command = ("firsthand", "eval", "crossval", "three_steps.yaml", "--out", "cv", "--folds", 2, "--asking", asking)
    sh(*command)

    def rows(name: str) -> list[dict]:
        return [json.loads(line) for line in (tmp_path / "cv" / name).read_text().splitlines()]

    answered = {fold: rows(f"three_steps/fold_{fold}/asked/answers.jsonl") for fold in range(2)}
    held_out = {fold: {row["id"] for row in rows(f"folds/held_out_{fold}.jsonl")} for fold in range(2)}
    assert {fold: {row["id"] for row in found} for fold, found in answered.items()} == held_out
    assert len(held_out[0] | held_out[1]) == 12 == len(rows("base/asked/answers.jsonl"))
    base = {row["id"]: row["shares"] for row in rows("base/asked/answers.jsonl")}
    assert all(row["shares"] != base[row["id"]] for found in answered.values() for row in found)  # it learnt something
    table = json.loads((tmp_path / "cv/table.json").read_text())
    assert [(row["model"], row["n"]) for row in table["table"]] == [("base", 12), ("three_steps", 12)]
    for fold in range(2):
        states = json.loads((tmp_path / f"cv/three_steps/fold_{fold}/trained/trainer_state.json").read_text())
        assert states["global_step"] == 3
    assert "three_steps" in sh(*command)  # what is done is not done again
