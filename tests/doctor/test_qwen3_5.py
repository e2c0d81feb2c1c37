"""Qwen3.5: its released template begins the reply, and its layers are slow on a GPU without their kernels."""

import shutil
from pathlib import Path

import pytest

from firsthand.doctor import qwen3_5

TINY = Path(__file__).parents[2] / "models/tiny_qwen3_5"
OLD, RELEASED, RULES = "Qwen/Qwen3-VL-4B-Instruct", "Qwen/Qwen3.5-4B", ("RC020", "RC021")


@pytest.fixture(autouse=True)
def on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qwen3_5, "_has_gpu", lambda: True)


def found(lint, kind: str, *changes: str) -> dict[str, str]:
    return {f.rule: f"{f.level}: {f.message}; {f.fix}" for f in lint(kind, *changes) if f.rule in RULES}


@pytest.fixture
def copy(workshop: Path) -> str:
    """A model of the family in a folder of another name, with the template that the recipes give it."""
    for name in ("config.json", "chat_template.jinja"):
        (workshop / "models/mine").mkdir(parents=True, exist_ok=True)
        shutil.copy(TINY / name, workshop / "models/mine" / name)
    return "models/mine"


def good(lint, workshop: Path) -> str:
    lint("lf")
    return (workshop / "recipe.yaml").read_text()


@pytest.mark.parametrize("kind", ["lf", "verl"])
def test_the_released_template_and_the_missing_kernels_are_told(lint, kind: str) -> None:
    told = found(lint, kind, OLD, RELEASED)
    assert told.keys() == set(RULES)
    assert told["RC020"].startswith("error:") and "models/tiny_qwen3_5/chat_template.jinja" in told["RC020"]
    assert told["RC021"].startswith("warning:")
    assert "pip install flash-linear-attention==0.5.0 causal-conv1d" in told["RC021"]
    assert found(lint, kind) == {}, "another family"


@pytest.mark.parametrize("kind", ["lf", "verl"])
def test_a_copy_with_our_template_begins_no_reply(lint, kind: str, copy: str, workshop: Path) -> None:
    assert found(lint, kind, OLD, copy).keys() == {"RC021"}
    (workshop / copy / "chat_template.jinja").write_text("{% if add_generation_prompt %}<think>{% endif %}")
    assert found(lint, kind, OLD, copy).keys() == set(RULES)


def test_a_merge_runs_no_layer(lint) -> None:
    assert found(lint, "export", OLD, RELEASED).keys() == {"RC020"}


def test_installed_kernels_no_gpu_and_a_run_on_the_cpu_say_nothing(
    lint, copy: str, workshop: Path, monkeypatch
) -> None:
    cpu = good(lint, workshop).replace(OLD, copy) + "use_cpu: true\n"
    assert not [f for f in lint(text=cpu) if f.rule in RULES]
    with monkeypatch.context() as patch:
        patch.setattr(qwen3_5, "_has_gpu", lambda: False)
        assert found(lint, "lf", OLD, copy) == {}
    monkeypatch.setattr(qwen3_5, "package_folder", lambda module: None if module == "fla" else Path())
    told = found(lint, "lf", OLD, copy)["RC021"]
    assert "flash-linear-attention not installed" in told and "causal" not in told


def test_a_template_that_thinks_is_not_asked_for(lint, copy: str, workshop: Path) -> None:
    """LF011 would: LLaMA-Factory's list names `qwen3_5`."""
    for model in (copy, RELEASED):
        recipe = good(lint, workshop).replace(OLD, model).replace("qwen3_vl_nothink", "qwen3_5_nothink")
        assert not [f for f in lint(text=recipe) if f.rule == "LF011"]
