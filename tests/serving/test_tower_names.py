"""A saved Qwen3.5 has the names of released checkpoints: by the patch, or by the repair of what it did not reach."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from firsthand import files
from firsthand.cli import app
from firsthand.serving.verify import verify
from firsthand.serving.weights import headers, load_model
from firsthand.toy.tiny_models import models
from firsthand.training import patches

WRONG, RIGHT = "model.language_model.visual.", "model.visual."
LINEAR = r".*language_model.*\.(in_proj_qkv|in_proj_a|out_proj|q_proj)"
Made = tuple[Path, Path]  # adapter, merged


@pytest.fixture(scope="module")
def qwen3_5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    patches.install(patches.QWEN3_5)
    out = tmp_path_factory.mktemp("qwen3_5") / "base"
    models.build("qwen3_5", out, ["which thing do i hold ? the cup the book"] * 4)
    return out


@pytest.fixture(scope="module")
def made(qwen3_5: Path, make, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(qwen3_5, tmp_path_factory.mktemp("made"), targets=LINEAR)


@pytest.fixture
def broken(made: Made, tmp_path: Path, edit) -> Path:
    """The merge as transformers writes it without the patch."""
    out = Path(shutil.copytree(made[1], tmp_path / "merged"))
    edit(out, misname)
    return out


def misname(weights: dict) -> None:
    for name in [name for name in weights if name.startswith(RIGHT)]:
        weights[WRONG + name.removeprefix(RIGHT)] = weights.pop(name)


def in_two_shards(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    names = {name: f"model-0000{1 + ('visual' in name)}-of-00002.safetensors" for name in weights}
    for shard in set(names.values()):
        save_file({key: weights[key] for key in weights if names[key] == shard}, folder / shard, {"format": "pt"})
    files.write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": names})
    (folder / "model.safetensors").unlink()


SAVE = """
patches.install(patches.PROGRAMS)
import sys
from transformers import AutoModelForImageTextToText
AutoModelForImageTextToText.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[2])
"""


@pytest.mark.parametrize(
    ("chosen", "start"), [pytest.param("WHEELS", WRONG, marks=pytest.mark.long), ("PROGRAMS", RIGHT)]
)
def test_another_program_saves_the_released_names_where_the_patch_is_at_work(
    qwen3_5: Path, tmp_path: Path, chosen: str, start: str
) -> None:
    """A failure of the first case is good news: transformers has been repaired."""
    program = f"from firsthand.training import patches\npatches.PROGRAMS = patches.{chosen}\n{SAVE}"
    done = subprocess.run(
        [sys.executable, "-c", program, str(qwen3_5), str(tmp_path / "saved")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    tower = {name for name in headers(tmp_path / "saved") if "visual" in name}
    assert len(tower) > 20 and all(name.startswith(start) for name in tower)


def test_the_names_are_the_released_ones(qwen3_5: Path, made: Made) -> None:
    for folder in (qwen3_5, made[1]):
        names = headers(folder).keys()
        assert {
            "model.visual.patch_embed.proj.weight", "model.visual.merger.linear_fc1.weight",
            "model.language_model.embed_tokens.weight", "model.language_model.layers.0.linear_attn.A_log",
            "model.language_model.layers.0.linear_attn.in_proj_qkv.weight",
            "model.language_model.layers.3.self_attn.q_norm.weight", "model.language_model.norm.weight",
        } <= names  # fmt: skip
        assert not [name for name in names if name.startswith(WRONG)]


@pytest.mark.parametrize("shards", [1, 2])
def test_a_merge_with_wrong_names_is_repaired_and_proven(qwen3_5: Path, made: Made, broken: Path, shards: int) -> None:
    if shards == 2:
        in_two_shards(broken)
    found = verify(qwen3_5, made[0], broken)
    assert [finding for finding in found if finding.level == "error"] == []
    [told] = [finding for finding in found if finding.rule == "names"]
    assert f"saved as {WRONG}*" in told.message and f"renamed to {RIGHT}*" in told.message
    index = broken / "model.safetensors.index.json"
    assert headers(broken).keys() == headers(qwen3_5).keys()
    assert not index.exists() or files.read_json(index)["weight_map"].keys() == headers(qwen3_5).keys()
    whole, again = load_model(made[1]).state_dict(), load_model(broken).state_dict()
    assert all(whole[name].equal(again[name]) for name in whole)
    assert "names" not in {finding.rule for finding in verify(qwen3_5, made[0], broken)}


def test_the_output_of_a_full_fine_tuning_is_repaired_by_its_folder(broken: Path) -> None:
    def run() -> str:
        return " ".join(CliRunner().invoke(app, ["export", str(broken)]).output.split())

    assert "renamed to model.visual.*" in run()
    assert all(not name.startswith(WRONG) for name in headers(broken))
    assert "no weight has a name that nothing loads" in run()
