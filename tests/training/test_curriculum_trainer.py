"""The trainer that swaps its rows, with veRL's own data sets, loaders and states; only the policy is left out."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("verl")
import torch
import yaml
from PIL import Image
from transformers import AutoProcessor
from verl.trainer.ppo.v1.trainer_base import get_trainer_cls
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync

from firsthand.curriculum.curriculum import Curriculum
from firsthand.curriculum.recipe import Recipe
from firsthand.data.build import writers
from firsthand.errors import UserError
from firsthand.question import Question
from firsthand.recipe.hydra_search import compose
from firsthand.rollout import prompt
from firsthand.tools.settings import read_as

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models/tiny_qwen3_vl"
STEPS = 2


@pytest.fixture(scope="module")
def processor():
    return AutoProcessor.from_pretrained(MODEL)


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(ROOT)
    Image.new("RGB", (64, 64), (90, 120, 60)).save(tmp_path / "0.jpg")
    options = {"A": "cup", "B": "egg"}
    questions = [
        Question(id=f"q{n}", question=f"what {n} ?", options=options, answer="A", images=["0.jpg"], data_source="made",
                 split="train")
        for n in range(48)
    ]  # fmt: skip
    for name, part in {"pool": questions, "start": questions[:24]}.items():
        with writers.table(tmp_path / f"{name}.parquet") as writer:
            writer.add(writers.pack("x.parquet", [prompt.verl_row(one, i) for i, one in enumerate(part)]))
    select = {
        "pool": str(tmp_path / "pool.parquet"), "out": str(tmp_path / "select"),
        "method": {"name": "csm", "fine": None}, "policy": {"model": "m", "servers": ["http://127.0.0.1:1"]},
        "reward": {"recipe": "recipes/grpo_qwen3vl_choice.yaml"},
    }  # fmt: skip
    keys = {
        "train": "recipes/tiny_grpo_qwen3vl_choice.yaml", "select": str(tmp_path / "select.yaml"), "rounds": 3,
        "start": str(tmp_path / "start.parquet"), "out": str(tmp_path / "out"), "steps": STEPS, "probes": 4,
    }  # fmt: skip
    (tmp_path / "select.yaml").write_text(yaml.safe_dump(select))
    (tmp_path / "curriculum.yaml").write_text(yaml.safe_dump(keys))
    return tmp_path / "curriculum.yaml"


@pytest.fixture
def make(recipe: Path, processor, monkeypatch):
    """A trainer after `_setup` has made its loaders; `others` is what its curriculum would change to."""
    folder = recipe.parent

    def start(**changes):
        overrides = {
            "trainer.v1.trainer_mode": "curriculum", "++trainer.v1.curriculum.recipe": str(recipe),
            "trainer.total_training_steps": 3 * STEPS, "trainer.default_local_dir": str(folder / "checkpoints"),
            "data.media.root": str(folder), "data.train_batch_size": 4, "data.dataloader_num_workers": 0,
            "data.val_files": str(folder / "start.parquet"), **changes,
        }  # fmt: skip
        config = compose(ROOT / "recipes/tiny_grpo_qwen3vl_choice.yaml", [f"{k}={v}" for k, v in overrides.items()])
        trainer_class = get_trainer_cls(config.trainer.v1.trainer_mode)
        trainer = trainer_class(config)
        trainer.tokenizer, trainer.processor = processor.tokenizer, processor
        trainer.llm_server_manager = SimpleNamespace(get_addresses=lambda: ["127.0.0.1:1"])
        trainer._init_dataloader()
        return trainer

    monkeypatch.setattr(PPOTrainerSync, "_build_replay_buffer", lambda self: None)
    monkeypatch.setattr("firsthand.training.curriculum_trainer.only_model", lambda server: "m")
    return start


@pytest.fixture
def changes_to(monkeypatch):
    """The next look finds that these rows are to be trained on."""

    def be(ids: list[str]) -> list[tuple]:
        seen = []

        def look(self, step, servers, model):
            seen.append((step, servers, model))
            self.updates.append({"step": step, "good": 0, "overlap": 0.0, "entered": ids, "left": []})
            self.active = ids
            return True

        monkeypatch.setattr(Curriculum, "look", look)
        return seen

    return be


def next_ids(trainer) -> list[str]:
    return [info["id"] for info in trainer._fetch_one_gen_batch()["extra_info"]]


def test_a_step_after_a_change_asks_new_rows_only(make, changes_to) -> None:
    trainer = make()
    first = {*trainer.curriculum.active}
    assert trainer.config.trainer.v1.trainer_mode == "sync" and {*next_ids(trainer)} <= first
    new = sorted({f"q{n}" for n in range(24, 48)} - {*trainer.curriculum.probes})
    seen = changes_to(new)
    trainer.global_steps = STEPS  # the second step begins: one is done
    trainer.on_step_begin()
    assert seen == [] and {*next_ids(trainer)} <= first
    trainer.global_steps = STEPS + 1
    trainer.on_step_begin()
    assert seen == [(STEPS, ["http://127.0.0.1:1"], "m")]
    epoch = [id for _ in range(len(new) // 4) for id in next_ids(trainer)]
    assert {*epoch} <= {*new} and len({*epoch}) == len(epoch)
    assert trainer.total_training_steps == 3 * STEPS


def test_a_resumed_run_goes_on_in_the_rows_of_its_checkpoint(make, changes_to, monkeypatch) -> None:
    trainer = make()
    changes_to(sorted({f"q{n}" for n in range(24, 48)} - {*trainer.curriculum.probes}))
    trainer.global_steps = STEPS + 1
    trainer.on_step_begin()
    next_ids(trainer)

    def save(self) -> None:
        folder = Path(self.config.trainer.default_local_dir)
        torch.save(self.train_dataloader.state_dict(), folder / f"global_step_{self.global_steps}/data.pt")
        (folder / "latest_checkpointed_iteration.txt").write_text(str(self.global_steps))

    monkeypatch.setattr(PPOTrainerSync, "_save_checkpoint", save)
    trainer._save_checkpoint()
    resumed = make()
    assert resumed.curriculum.state() == trainer.curriculum.state()
    place = Path(resumed.config.trainer.default_local_dir) / f"global_step_{STEPS + 1}/data.pt"
    resumed.train_dataloader.load_state_dict(torch.load(place, weights_only=False))
    assert next_ids(resumed) == next_ids(trainer)
    assert json.loads((place.parent / "curriculum.json").read_text())["active"] == trainer.curriculum.active


def test_the_steps_of_recipe_and_curriculum_must_agree(make) -> None:
    with pytest.raises(UserError, match="3 rounds of 2 steps: write 6"):
        make(**{"trainer.total_training_steps": 5})


def test_the_recipe_is_read_as_the_command_reads_it(recipe) -> None:
    assert read_as(Recipe, recipe).total_steps == 3 * STEPS
