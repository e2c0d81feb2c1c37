"""What a recipe asks of the machine that the doctor runs on: flash-attn, cores, RAM, and steps by its GPUs.

A recipe is often checked on a laptop before it goes to a cluster. So cores and RAM are compared only where there are
GPUs, and flash-attn is an error only where the frameworks were installed for them.
"""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firsthand.data.read.rows import Rows
from firsthand.doctor.fit import grpo
from firsthand.doctor.machine import versions
from firsthand.errors import UserError
from firsthand.findings import RULES, Finding, Level
from firsthand.recipe import model_names
from firsthand.recipe.dataset_registry import datasets
from firsthand.recipe.hydra_chain import Chain
from firsthand.recipe.values import number
from firsthand.recipe.yaml_lines import Document

STEPS = RULES["LF041"]
FLASH = RULES["VR051"]
CORES = RULES["VR052"]
MEMORY = RULES["VR054"]
GPUS = RULES["VR056"]

ACTOR_MODEL, CRITIC_MODEL = "actor_rollout_ref.model", "critic.model"
UNITS = "transfer_queue.backend.SimpleStorage.num_data_storage_units"
EXTERNAL = "ray_kwargs.ray_init.runtime_env.env_vars.VERL_USE_EXTERNAL_MODULES"
FSDP = "actor_rollout_ref.actor.fsdp_config"
WITHOUT_FLASH = "write `attn_implementation: sdpa` under its `override_config`"
INSTALL = "pip install -e '.[flash-attn]' --no-build-isolation"
AROUND = 8  # GiB: Ray, vLLM and what else runs beside the models
LONGEST_FILE = 1 << 29  # bytes; counting the rows of more takes too long
Facts = dict[str, Any]


def of_verl(chain: Chain, here: Facts) -> Iterator[Finding]:
    on_cpu = chain.get("trainer.device") == "cpu"
    if versions.installed("flash-attn") is None:
        yield from _flash_attention(chain, on_cpu, "error" if on_cpu or here["extra"] == "cuda" else "info")
    yield from _cores(chain, here)
    if here["gpus"] and not on_cpu:
        yield from _gpus(chain, here)
        yield from _memory(chain, here)


def _flash_attention(chain: Chain, on_cpu: bool, level: Level) -> Iterator[Finding]:
    """veRL's default is flash_attention_2. Where it is missing, the run stops after Ray and the models are up."""
    patched = on_cpu or "firsthand.training.video_prompts" in str(chain.get(EXTERNAL))
    fix = f"write `{EXTERNAL}: firsthand.training.video_prompts`, or {INSTALL}"
    for model in (ACTOR_MODEL, *([CRITIC_MODEL] if _has_critic(chain) else [])):
        path = f"{model}.override_config.attn_implementation"
        attention, place = chain.get(path) or "flash_attention_2", chain.place(path)
        if attention == "flash_attention_2":
            message = f"`{path}` is flash_attention_2, and flash-attn is not installed"
            yield FLASH.at(place, message, f"{WITHOUT_FLASH}, or {INSTALL}", level=level)
        elif model == CRITIC_MODEL and not patched:
            message = "veRL's critic asks for flash-attn whatever the recipe says, and it is not installed"
            yield FLASH.at(place, message, fix, level=level)
    family = model_names.family(chain.get(f"{ACTOR_MODEL}.path"))
    packs, fuses = (chain.get(f"{ACTOR_MODEL}.{key}") is True for key in ("use_remove_padding", "use_fused_kernels"))
    if packs and not patched and family and family[0] in ("Qwen2-VL", "Qwen2.5-VL"):
        message = f"veRL packs {family[0]} with flash-attn only, and it is not installed"
        place = chain.place(f"{ACTOR_MODEL}.use_remove_padding")
        yield FLASH.at(place, message, fix, level=level)
    if not fuses and not on_cpu:
        message = "without flash-attn log-probabilities are bfloat16 and take one step of Python for each token"
        low: Level = "info" if level == "info" else "warning"
        place = chain.place(f"{ACTOR_MODEL}.use_fused_kernels")
        yield FLASH.at(place, message, "write `use_fused_kernels: true`", level=low)


def _has_critic(chain: Chain) -> bool:
    enabled = chain.get("critic.enable")
    return enabled is True or (enabled is None and chain.get("algorithm.adv_estimator") in (None, "gae"))


def _cores(chain: Chain, here: Facts) -> Iterator[Finding]:
    """Ray places no actor beyond the cores that it counts: with fewer than are held, the run waits for ever."""
    given = number(chain.get("ray_kwargs.ray_init.num_cpus"))
    cores = given or (here["cpu_cores"] if here["gpus"] else None)
    units, gpus = number(chain.get(UNITS)), number(chain.get("trainer.n_gpus_per_node"))
    if not cores or not units or not gpus or chain.get("transfer_queue.backend.storage_backend") != "SimpleStorage":
        return
    nodes = number(chain.get("trainer.nnodes")) or 1
    needed = grpo.cores(units, gpus * nodes)
    if cores * nodes < needed:
        what = "`ray_init.num_cpus` is" if given else "CPU cores here:"
        message = f"{what} {cores:g}, needed are 1 + {units:g} storage units + 3 x {gpus * nodes:g} GPUs = {needed:g}"
        room = cores * nodes - 1 - 3 * gpus * nodes
        fix = f"write `{UNITS}: {room:g}`" if room >= 1 else "take fewer GPUs, or a machine with more cores"
        yield CORES.at(chain.place(UNITS), message, fix)


def _gpus(chain: Chain, here: Facts) -> Iterator[Finding]:
    path = "trainer.n_gpus_per_node"
    wanted, seen = number(chain.get(path)) or 0, visible(here)
    if wanted > seen:
        fix = f"write `{path}: {seen}`" if seen else "show it one by CUDA_VISIBLE_DEVICES"
        message = f"{wanted:g} GPUs are wanted, {seen} are here; --gpus and --memory say what fits"
        yield GPUS.at(chain.place(path), message, fix)


def _memory(chain: Chain, here: Facts) -> Iterator[Finding]:
    """Counted in copies of the model in float32: while it loads, what is offloaded later, and the reference."""
    path = f"{ACTOR_MODEL}.path"
    gpus, available = number(chain.get("trainer.n_gpus_per_node")), here["memory_available_gib"]
    size = _parameters(Path(str(chain.get(path)))) * 4 / (1 << 30)
    if not size or not gpus or available is None:
        return
    ranks = gpus if model_names.is_tied(str(chain.get(path))) else 1
    offloaded = (chain.get(f"{FSDP}.param_offload") is True) + 2 * (chain.get(f"{FSDP}.optimizer_offload") is True)
    reference = chain.get("actor_rollout_ref.actor.use_kl_loss") is True
    needed = size * (max(ranks, offloaded) + reference) + AROUND
    if available < needed:
        loads = f"{ranks:g} {'copy' if ranks == 1 else 'copies'} of {size:.0f} GiB while it loads"
        message = f"{available:g} GiB are available, about {needed:.0f} are needed: {loads}, and what stays beside them"
        yield MEMORY.at(chain.place(path), message, "take a machine with more RAM, or fewer GPUs of it")


def _parameters(folder: Path) -> int:
    """By the headers of its weights; 0 for a model that is not on this machine."""
    total = 0
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with file.open("rb") as handle:
                header = json.loads(handle.read(int.from_bytes(handle.read(8), "little")))
            total += sum(math.prod(one["shape"]) for name, one in header.items() if name != "__metadata__")
        except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, MemoryError):
            return 0  # `firsthand export` proves weights; here they are only counted
    return total


def of_llamafactory(document: Document, here: Facts) -> Iterator[Finding]:
    """The launcher takes every GPU that it sees, so their number decides how many steps a small data set has."""
    settings, gpus = document.data, visible(here)
    batch, accumulation = (
        number(settings.get(key, 1)) for key in ("per_device_train_batch_size", "gradient_accumulation_steps")
    )
    other = ("max_steps", "max_samples", "val_size", "streaming", "packing", "neat_packing")
    if not gpus or not batch or not accumulation or not settings.get("do_train") or any(map(settings.get, other)):
        return
    if rows := _rows(document):
        steps = math.ceil(math.ceil(rows / (gpus * batch)) / accumulation)
        every = math.ceil(steps * (number(settings.get("num_train_epochs", 3)) or 0))
        size = f"{gpus} GPUs x {batch:g} x {accumulation:g} = {gpus * batch * accumulation:g} rows a step"
        message = f"{size}: {steps} steps an epoch, {every} in all, for {rows} rows"
        fix = "none, if you mean it; CUDA_VISIBLE_DEVICES=0 before the launcher takes one GPU"
        yield STEPS.at(document.place("per_device_train_batch_size"), message, fix)


def visible(here: Facts) -> int:
    """GPUs that a launcher takes."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return len(here["gpus"]) if named is None else min(len(here["gpus"]), len(named.split(",")) if named else 0)


def _rows(document: Document) -> int | None:
    """None where they are not known."""
    total = 0
    for dataset in datasets(document)[0]:
        try:
            if dataset.file is None or dataset.file.stat().st_size > LONGEST_FILE:
                return None
            total += sum(piece.count for piece in Rows(dataset.file).pieces())
        except (OSError, UserError):
            return None
    return total
