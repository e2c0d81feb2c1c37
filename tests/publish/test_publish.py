"""What goes to a hub: the card as the hub's own reader reads it, the files that belong there, no byte more."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from firsthand.cli import app


def publish(*words: Any) -> Any:
    return CliRunner().invoke(app, ["publish", *map(str, words)])


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def model() -> Path:
    """A model with what a training leaves beside it."""
    folder = Path("model")
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "chat_template.jinja", "model.safetensors", "optimizer.pt",
                 "training_args.bin", "trainer_state.json", "train.log"):  # fmt: skip
        (folder / name).write_text("{}")
    (folder / "checkpoint-5").mkdir()
    return folder


@pytest.fixture
def run() -> Path:
    """Three of four right: 75 %, by Wilson 30.1 to 95.4."""
    folder = Path("runs/grpo")
    folder.mkdir(parents=True)
    rows = [{"id": f"q{i}", "answer": "A", "letters": "AB", "domain": "animal"} for i in range(4)]
    settings = {"model": "grpo", "temperature": 0.0, "max_tokens": 16}
    said = [{"id": f"q{i}", "output": f"<answer>{x}</answer>", "settings": settings} for i, x in enumerate("AAAB")]
    for name, content in (("questions", rows), ("answers", said)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in content))
    (folder / "run.json").write_text(json.dumps({"benchmark": "file"}))
    return folder


def head(card: Path) -> dict[str, Any]:
    return yaml.safe_load(card.read_text().split("---\n")[1])


def test_a_card_as_the_hub_reads_it(model, run) -> None:
    hub = pytest.importorskip("huggingface_hub")
    words = ["--repo", "me/ego", "--run", run, "--base", "Qwen/Qwen3-VL-4B-Instruct", "--licence", "apache-2.0"]
    result = publish("model", model, *words, "--dry-run")
    assert result.exit_code == 0, result.output
    card = hub.ModelCard.load("publish/hf/me_ego/README.md", ignore_metadata_errors=False)
    [found] = card.data.eval_results
    assert (found.metric_type, found.metric_value, found.task_type) == ("accuracy", 75.0, "video-text-to-text")
    assert found.metric_name == "choice, n = 4, 95 % interval 30.1 to 95.4"
    assert card.data.base_model == "Qwen/Qwen3-VL-4B-Instruct" and card.data.license == "apache-2.0"
    assert "75.0  30.1–95.4" in card.text and "max_tokens 16" in card.text


def test_what_goes_and_what_is_left(model, run) -> None:
    result = publish("model", model, "--repo", "me/ego", "--run", run, "--dry-run")
    gone = {path.name for path in Path("publish/hf/me_ego").iterdir()}
    assert gone == {"README.md", "config.json", "tokenizer.json", "chat_template.jinja", "model.safetensors"}
    assert "left behind: checkpoint-5, optimizer.pt, train.log, trainer_state.json, training_args.bin" in result.output
    assert "would run: hf upload me/ego publish/hf/me_ego . --repo-type model" in result.output.replace("\n", " ")
    assert not (model / "README.md").exists()
    assert publish("model", model, "--repo", "me/ego", "--dry-run").exit_code == 0  # again
    assert "No benchmark was run" in Path("publish/hf/me_ego/README.md").read_text()


def test_modelscope_has_its_own_head(model, run) -> None:
    result = publish("model", model, "--repo", "me/ego", "--run", run, "--hub", "modelscope", "--dry-run")
    assert "modelscope upload me/ego" in result.output.replace("\n", " ")
    found = head(Path("publish/modelscope/me_ego/README.md"))
    assert found["frameworks"] == ["pytorch"] and "model-index" not in found
    assert "75.0  30.1–95.4" in Path("publish/modelscope/me_ego/README.md").read_text()


def test_without_a_dry_run_the_hubs_program_is_run(model, monkeypatch, tmp_path: Path) -> None:
    program = tmp_path / "bin/hf"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$@" > called\nexit $(cat code)\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    Path("code").write_text("0")
    assert publish("model", model, "--repo", "me/ego").exit_code == 0
    assert Path("called").read_text() == "upload me/ego publish/hf/me_ego . --repo-type model\n"
    Path("code").write_text("3")
    result = publish("model", model, "--repo", "me/ego")
    assert result.exit_code == 1 and "ended with code 3" in result.output.replace("\n", " ")


def rows_of(name: str) -> Path:
    folder = Path("datasets") / name
    folder.mkdir(parents=True)
    part = {"rows": {"eval.jsonl": 2}, "sources": [{"file": "a.json", "bytes": 5, "sha256": "ab12"}]}
    manifest = {"name": name, "licence": "cc-by-nc-4.0 (as stated)", "versions": {}, "eval": part}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "eval.jsonl").write_text("{}\n{}\n")
    (folder / "dropped.jsonl").write_text("{}\n")
    (folder / "media").mkdir()
    (folder / "media/secret.jpg").touch()
    return folder


def test_rows_go_and_media_stay() -> None:
    hub = pytest.importorskip("huggingface_hub")
    rows_of("ego_qa")
    result = publish("data", "ego_qa", "--repo", "me/rows", "--dry-run")
    assert result.exit_code == 0, result.output
    assert {path.name for path in Path("publish/hf/me_rows").iterdir()} == {"README.md", "eval.jsonl", "manifest.json"}
    assert "left behind: dropped.jsonl, media" in result.output
    card = hub.DatasetCard.load("publish/hf/me_rows/README.md", ignore_metadata_errors=False)
    assert card.data.license == "cc-by-nc-4.0" and card.data.size_categories == ["n<1K"]
    assert "| `eval.jsonl` | 2 |" in card.text and "`ab12`" in card.text and "can be recognised" in card.text


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["data", "egocross_test", "--repo", "me/x"], "a test set whose owner keeps it apart"),
        (["data", "ego_qa", "--repo", "me/x"], "manifest.json: no such file"),
        (["model", "nothing", "--repo", "me/x"], "neither a model nor an adapter"),
        (["model", "model", "--repo", "me"], "write OWNER/NAME"),
        (["model", "model", "--repo", "me/x", "--out", "model"], "was not written by `firsthand publish`"),
    ],
)
def test_mistakes_are_one_message(model, words: list[str], why: str) -> None:
    result = publish(*words, "--dry-run")
    assert result.exit_code == 1 and why in result.output.replace("\n", " ")


@pytest.mark.parametrize("content", ["[1]", '{"name": "x"}', '{"licence": "mit", "eval": {"rows": [1]}}'])
def test_a_manifest_of_others_is_refused(content: str) -> None:
    (rows_of("ego_qa") / "manifest.json").write_text(content)
    result = publish("data", "ego_qa", "--repo", "me/x", "--dry-run")
    assert result.exit_code == 1 and "not of `firsthand data build`" in result.output.replace("\n", " ")


def test_a_model_without_weights_is_refused(model) -> None:
    (model / "model.safetensors").unlink()
    result = publish("model", model, "--repo", "me/x", "--dry-run")
    assert result.exit_code == 1 and "export it with" in result.output
