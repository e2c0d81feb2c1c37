"""A merged veRL checkpoint is accepted when it is the checkpoint; a broken one is named with its fix."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from firsthand import files
from firsthand.cli import app
from firsthand.serving.verl_checkpoint import read_weights

KEY = "model.language_model.layers.1.self_attn.q_proj.weight"
RECIPE = Path(__file__).parents[2] / "recipes/tiny_grpo_qwen3vl_choice.yaml"


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["export", *map(str, words)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, re.sub(r"\s+", " ", done.output)


@pytest.fixture
def room(base: Path, checkpoint: Path, tmp_path: Path, edit, monkeypatch) -> SimpleNamespace:
    """A copy of the run in a working directory of its own, and of the base."""
    monkeypatch.chdir(tmp_path)
    copy = Path(shutil.copytree(checkpoint, tmp_path / "run"))
    step = copy / "global_step_2"
    return SimpleNamespace(
        run=copy, step=step, actor=step / "actor", merged=step / "merged", edit=edit, root=tmp_path,
        base=Path(shutil.copytree(base, tmp_path / "base")),
    )  # fmt: skip


def check(room: SimpleNamespace) -> tuple[int, str]:
    return run("--check-only", room.run, "--base", room.base)


def test_a_good_merge_passes_and_says_what_training_changed(room: SimpleNamespace) -> None:
    code, said = check(room)
    assert code == 0 and " error " not in said, said
    assert "ok weights: 104 are those of the checkpoint as torch.bfloat16" in said
    assert re.search(
        r"info trained: 4\d of 104 weights differ from the base, by \d+\.\d+% in all; unchanged: model.vis", said
    )
    assert "ok logits, image: mean |dlogp| 0 against" in said and "ok logits, video: mean |dlogp| 0 against" in said


def test_shards_of_two_ranks_are_joined(room: SimpleNamespace) -> None:
    from safetensors.torch import load_file

    weights, lora = read_weights(room.actor)
    merged = load_file(room.merged / "model.safetensors")
    assert not lora and merged.keys() == weights.keys() - {"lm_head.weight"}
    assert all(weights[key].bfloat16().equal(merged[key]) for key in merged)


def test_the_newest_checkpoint_of_a_recipe_and_its_base(room: SimpleNamespace) -> None:
    Path("recipes").symlink_to(RECIPE.parent)  # the recipe's search path is relative to the working directory
    words = [f"trainer.default_local_dir={room.run}", f"actor_rollout_ref.model.path={room.base}"]
    code, said = run("--check-only", RECIPE, *words)
    assert code == 0 and "logits, video" in said, said


def test_the_base_is_the_one_on_record(room: SimpleNamespace) -> None:
    code, said = run("--check-only", room.step)
    assert code == 1 and "not on record; add --base DIR" in said
    for day, path in (("2020-01-01", "nowhere"), ("2020-01-02", str(room.base))):
        config = {"trainer": {"default_local_dir": "run"}, "actor_rollout_ref": {"model": {"path": path}}}
        files.write_json(Path("outputs", day, "00-00-00", ".hydra", "config.yaml"), config)
    code, said = run("--check-only", room.step)
    assert code == 0, said


def rewrite(room: SimpleNamespace, change: Callable[[dict], object]) -> None:
    """Change what rank 1 saved."""
    import torch
    import torch.distributed.tensor

    file = room.actor / "model_world_size_2_rank_1.pt"
    shard = torch.load(file, weights_only=True)
    change(shard)
    torch.save(shard, file)


def another_base(room: SimpleNamespace) -> None:
    import torch

    room.edit(room.base, lambda weights: weights.update({k: torch.randn_like(w) for k, w in weights.items()}))


def untrained(room: SimpleNamespace) -> None:
    room.edit(
        room.base,
        lambda weights: weights.update({k: w for k, w in read_weights(room.actor)[0].items() if k in weights}),
    )


BROKEN: dict[str, tuple[Callable[[SimpleNamespace], object], str]] = {
    "a shard is missing": (
        lambda r: (r.actor / "model_world_size_2_rank_1.pt").unlink(),
        r"actor/model_world_size_2_rank_1.pt: the shard is missing, 2 belong together; .*take another global_step",
    ),
    "a shard is cut": (
        lambda r: (r.actor / "model_world_size_2_rank_1.pt").write_bytes(b"PK\x03\x04 half"),
        r"model_world_size_2_rank_1.pt: not a readable shard: .*take another global_step",
    ),
    "a shard lacks a weight": (
        lambda r: rewrite(r, lambda shard: shard.pop(KEY)),
        rf"model_world_size_2_rank_1.pt: {KEY} is not in every shard",
    ),
    "a shard is of another program": (
        lambda r: rewrite(r, lambda shard: shard.update(extra=1)),
        r"model_world_size_2_rank_1.pt: extra is not in every shard",
    ),
    "no number of ranks": (
        lambda r: files.write_json(r.actor / "fsdp_config.json", {}),
        r"actor/fsdp_config.json: KeyError: 'world_size'; its saving was interrupted",
    ),
    "no FSDP checkpoint": (
        lambda r: (r.actor / "fsdp_config.json").unlink(),
        r"actor: no fsdp_config.json in it, .*--backend megatron",
    ),
    "the newest step is gone": (
        lambda r: files.write_text(r.run / "latest_checkpointed_iteration.txt", "9"),
        r"names step '9', but the folders here are global_step_2; give one of them",
    ),
    "all steps are gone": (
        lambda r: shutil.rmtree(r.actor),
        r"run: no global_step_\*/actor in it; veRL keeps trainer.max_actor_ckpt_to_keep",
    ),
    "the merge is not there": (
        lambda r: shutil.rmtree(r.merged),
        r"merged model: .*merged is not a folder; export first",
    ),
    "a weight is NaN": (
        lambda r: r.edit(r.merged, lambda w: w[KEY][0].fill_(float("nan"))),
        rf"error numbers: NaN or infinite: {KEY} fix: .*export an earlier global_step",
    ),
    "a weight that is not the checkpoint's": (
        lambda r: r.edit(r.merged, lambda w: w[KEY][0, :2].add_(1)),
        rf"error weights: not those of the checkpoint: {KEY} in 0% of its values fix: remove the export and merge",
    ),
    "another configuration": (
        lambda r: files.write_text(
            r.merged / "config.json", files.read_text(r.merged / "config.json").replace("10000.0", "100.0")
        ),
        r"error logits, image: .*fix: remove the export and merge again",
    ),
    "another base of this size": (
        another_base,
        r"error trained: 104 of 104 .*that is another model fix: name the model that the training began with: --base",
    ),
    "nothing was trained": (
        untrained,
        r"error trained: every weight is that of the base fix: export a later global_step",
    ),
    "a base of another size": (
        lambda r: r.edit(r.base, lambda w: w.update({KEY: w[KEY][:64].clone()})),
        rf"error keys: {KEY}: \(64, 128\) became \(128, 128\)",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_named_with_its_fix(room: SimpleNamespace, name: str) -> None:
    damage, message = BROKEN[name]
    damage(room)
    code, said = check(room)
    assert code == 1 and re.search(message, said), said


def test_nothing_is_overwritten_and_a_broken_shard_stops_before_anything_is_written(room: SimpleNamespace) -> None:
    code, said = run(room.run, "--base", room.base)
    assert code == 1 and "merged exists; --check-only verifies it, --out writes elsewhere" in said
    (room.actor / "model_world_size_2_rank_0.pt").unlink()
    code, said = run(room.run, "--base", room.base, "--out", room.root / "out")
    assert code == 1 and "the shard is missing" in said and not (room.root / "out").exists()


# -- LoRA --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def lora(base: Path, shards, room: SimpleNamespace) -> SimpleNamespace:
    """The run with a checkpoint of a LoRA training, as veRL saves one: base layers and factors under peft's names."""
    import torch
    from peft import LoraConfig, get_peft_model

    from firsthand.serving.weights import load_model

    torch.manual_seed(2)
    model = get_peft_model(load_model(base), LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"]))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    shutil.rmtree(room.step)
    shards(room.actor, model.state_dict(), base)
    files.write_json(room.actor / "lora_train_meta.json", {"r": 4, "lora_alpha": 8, "task_type": "CAUSAL_LM"})
    room.trained = model.merge_and_unload().state_dict()
    return room


def test_factors_are_folded_into_their_layers(lora: SimpleNamespace) -> None:
    weights, is_lora = read_weights(lora.actor)
    assert is_lora and weights.keys() == lora.trained.keys()
    assert all(weights[key].allclose(lora.trained[key], atol=1e-6) for key in weights)


@pytest.mark.parametrize(("content", "message"), [
    (None, r"lora_train_meta.json: missing, so the adapter has no scale and a merge would lose it; write"),
    ({"r": 4}, r'lora_train_meta.json: KeyError: .lora_alpha.; it must be {"r": number, "lora_alpha": number}'),
])  # fmt: skip
def test_an_adapter_without_its_scale(lora: SimpleNamespace, content: dict | None, message: str) -> None:
    meta = lora.actor / "lora_train_meta.json"
    meta.unlink() if content is None else files.write_json(meta, content)
    code, said = run(lora.run, "--base", lora.base)
    assert code == 1 and re.search(message, said), said


def test_an_adapter_alone(base: Path, shards, lora: SimpleNamespace) -> None:
    shutil.rmtree(lora.actor)
    shards(
        lora.actor,
        {f"base_model.model.{KEY.replace('.weight', '.lora_A.default.weight')}": lora.trained[KEY][:4]},
        base,
    )
    code, said = run(lora.run, "--base", lora.base)
    assert code == 1 and "it holds the adapter alone; train with save_lora_only: false" in said, said


@pytest.mark.e2e
def test_the_merger_of_verl_with_the_adapter_that_it_leaves_out(lora: SimpleNamespace) -> None:
    code, said = run(lora.run, "--base", lora.base)
    assert code == 0, said
    assert "are those of the checkpoint as torch.bfloat16, LoRA merged" in said
    assert re.search(r"info trained: 8 of 104 weights differ from the base", said)
    assert not (lora.merged / "lora_adapter").exists()
    lost = read_weights(lora.actor)[0][KEY].bfloat16() * 0
    lora.edit(lora.merged, lambda weights: weights.update({KEY: lost}))
    code, said = check(lora)
    assert code == 1 and f"error weights: not those of the checkpoint: {KEY} in 100%" in said
