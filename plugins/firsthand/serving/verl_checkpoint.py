"""A checkpoint of veRL: found from a recipe or a folder, read whole, and merged by veRL's own command.

The weights are read here a second time, without veRL's merger, so that what the merger wrote can be compared with what
was trained. The merger loses an adapter silently in two cases, and both are handled here: it leaves the adapter of a
LoRA run beside the weights of the base, and without `lora_train_meta.json` it writes an adapter of scale 0.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from firsthand import files
from firsthand.errors import UserError
from firsthand.recipe import hydra_search
from firsthand.serving.weights import load_model, naming

LATEST = "latest_checkpointed_iteration.txt"
TAKE_ANOTHER = "its saving was interrupted: take another global_step"
Weights = dict[str, Any]  # name in the model's class -> tensor


Found = tuple[Path, str | None]  # .../global_step_N/actor, and what the training began with, where known


def from_recipe(recipe: Path, overrides: list[str]) -> Found:
    """The newest checkpoint of a recipe, as Hydra composes it with the overrides of the command line."""
    with naming(recipe, "see `firsthand doctor --recipe`"):
        config = hydra_search.compose(recipe, overrides)
        run, base = config.trainer.default_local_dir, config.actor_rollout_ref.model.path
    return find_actor(Path(run)), base


def from_folder(folder: Path) -> Found:
    actor = find_actor(folder)
    return actor, _recorded_base(actor.parent.parent)


def find_actor(folder: Path) -> Path:
    """The folder of shards in a run, in one of its global_step_N, or the folder itself."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; a veRL checkpoint is trainer.default_local_dir/global_step_N")
    for place in (folder, folder / "actor"):
        if (place / "fsdp_config.json").exists():
            return place
    if (folder / "actor").is_dir():
        fix = f"{TAKE_ANOTHER}; for Megatron run python -m verl.model_merger merge --backend megatron"
        raise UserError(f"{folder / 'actor'}: no fsdp_config.json in it, so it is not an FSDP checkpoint ({fix})")
    steps = {int(path.parent.name.rpartition("_")[2]): path for path in folder.glob("global_step_*/actor")}
    if not steps:
        raise UserError(f"{folder}: no global_step_*/actor in it; veRL keeps trainer.max_actor_ckpt_to_keep of them")
    latest = folder / LATEST
    newest = files.read_text(latest).strip() if latest.is_file() else str(max(steps))
    if not newest.isdigit() or int(newest) not in steps:
        have = ", ".join(f"global_step_{step}" for step in sorted(steps))
        raise UserError(f"{latest} names step {newest!r}, but the folders here are {have}; give one of them")
    return find_actor(steps[int(newest)].parent)


def _recorded_base(run: Path) -> str | None:
    """The base model of a run, from the configuration that Hydra wrote when it began; the newest one counts."""
    from omegaconf import OmegaConf

    for record in sorted(Path("outputs").glob("*/*/.hydra/config.yaml"), reverse=True):
        with naming(record, "remove it, or add --base DIR"):
            config = OmegaConf.load(record)
            if Path(OmegaConf.select(config, "trainer.default_local_dir") or "").resolve() == run.resolve():
                return OmegaConf.select(config, "actor_rollout_ref.model.path")
    return None


def read_weights(actor: Path) -> tuple[Weights, bool]:
    """All weights by their names in the class, LoRA factors folded in; and whether there were any."""
    with naming(actor / "fsdp_config.json", TAKE_ANOTHER):
        size = int(files.read_json(actor / "fsdp_config.json")["world_size"])
    paths = [actor / f"model_world_size_{size}_rank_{rank}.pt" for rank in range(size)]
    shards = [_read_shard(path, size) for path in paths]
    for path, shard in zip(paths, shards, strict=True):
        if differing := sorted(shard.keys() ^ shards[0].keys()):
            raise UserError(f"{path}: {differing[0]} is not in every shard; {TAKE_ANOTHER}")
    with naming(f"{actor}: its shards do not fit together", TAKE_ANOTHER):
        weights = {key: _joined([shard[key] for shard in shards]) for key in shards[0]}
    return _folded(weights, actor)


def _read_shard(path: Path, size: int) -> Weights:
    import torch
    import torch.distributed.tensor  # so that its classes may be read

    if not path.is_file():
        raise UserError(f"{path}: the shard is missing, {size} belong together; {TAKE_ANOTHER}")
    with naming(f"{path}: not a readable shard", TAKE_ANOTHER):
        return dict(torch.load(path, map_location="cpu", weights_only=True, mmap=True))


def _joined(parts: list[Any]) -> Any:
    import torch
    from torch.distributed.tensor import DTensor

    if not isinstance(parts[0], DTensor):
        return parts[0]  # a buffer: every rank has all of it
    placement = parts[0].placements[-1]  # the others are copies of data parallelism
    locals_ = [part._local_tensor for part in parts]
    return torch.cat(locals_, dim=placement.dim) if placement.is_shard() else locals_[0]


def _folded(weights: Weights, actor: Path) -> tuple[Weights, bool]:
    """base_layer + alpha / r * B A for every adapted layer."""
    lora = {key: weight for key, weight in weights.items() if ".lora_" in key}
    if not lora:
        return weights, False
    plain = {_plain(key): weight for key, weight in weights.items() if key not in lora}
    if not plain:
        raise UserError(f"{actor}: it holds the adapter alone; train with save_lora_only: false to export it")
    meta = actor / "lora_train_meta.json"
    if not meta.is_file():
        fix = 'write {"r": the rank, "lora_alpha": the alpha of the recipe} into it'
        raise UserError(f"{meta}: missing, so the adapter has no scale and a merge would lose it; {fix}")
    with naming(meta, 'it must be {"r": number, "lora_alpha": number}'):
        content = files.read_json(meta)
        scale = float(content["lora_alpha"]) / float(content["r"])
    for key, down in lora.items():
        if ".lora_A." in key:
            layer = f"{_plain(re.sub(r'[.]lora_A[.].*', '', key))}.weight"
            up = lora[key.replace(".lora_A.", ".lora_B.")]
            plain[layer] = plain[layer].float() + scale * (up.float() @ down.float())
    return plain, True


def _plain(key: str) -> str:
    return key.removeprefix("base_model.model.").replace(".base_layer.", ".")


def merge(actor: Path, out: Path) -> None:
    """veRL's merger, into a folder that appears whole or not at all."""
    if out.exists() and any(out.iterdir()):
        raise UserError(f"{out} exists; --check-only verifies it, --out writes elsewhere")
    weights, lora = read_weights(actor)  # first: a broken shard is named before anything is written
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        target = Path(scratch, "merged")
        paths = ["--local_dir", str(actor), "--target_dir", str(target)]
        done = subprocess.run([sys.executable, "-m", "verl.model_merger", "merge", "--backend", "fsdp", *paths])
        if done.returncode:
            raise UserError(f"python -m verl.model_merger ended with code {done.returncode}; see its output above")
        if lora:
            _merge_adapter(target, weights)
        if out.exists():
            out.rmdir()
        shutil.move(target, out)


def _merge_adapter(target: Path, weights: Weights) -> None:
    """The folded weights in place of the base's: those of the checkpoint, since the merger has rounded its factors."""
    import torch

    model = load_model(target)
    with naming(f"{target}: the adapter cannot be merged", "see `firsthand doctor` for the versions"):
        model.load_state_dict(weights, strict=False)  # what does not fit is found by the proof
        model.to(torch.bfloat16).save_pretrained(target)
    shutil.rmtree(target / "lora_adapter", ignore_errors=True)
