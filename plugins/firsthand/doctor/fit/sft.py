"""LLaMA-Factory: fine-tuning with all weights or LoRA, alone, in copies, or shared by DeepSpeed's ZeRO 2 and 3."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from firsthand.doctor.fit.machine import GB, Machine, Need, Phase, allowance
from firsthand.doctor.fit.shapes import Shape, shape
from firsthand.doctor.fit.step import Batch, Parts, Way, held, longest_row
from firsthand.errors import UserError
from firsthand.recipe.values import number

BUCKET = 5e8  # numbers of ZeRO's buckets, where its file does not say it
LIVE = 1e9  # numbers that ZeRO-3 keeps gathered
PROCESS, WORKER = 4 * GB, 0.7 * GB  # of RAM: Python with torch, and a worker that reads data; guesses
KNOWN = {"stage": ("sft",), "finetuning_type": ("lora", "full"), "quantization_bit": (None,), "use_unsloth": (False,)}
SEEN_BY_LIGER = {"qwen2", "qwen2_vl", "qwen2_5_vl", "qwen3"}  # LLaMA-Factory 0.9.5 passes over the others in a warning


@dataclass(frozen=True)
class Settings:
    shape: Shape
    lora: int  # rank; 0: all weights
    zero: int  # 0, 2 or 3
    batch: Batch
    accumulation: int
    way: Way
    frozen_tower: bool
    workers: int
    rows: str


def settings(values: Mapping[str, Any], batch: Batch, rows: str, model: str | None = None) -> Settings:
    for key, known in KNOWN.items():
        if values.get(key, known[0]) not in known:
            raise UserError(f"{key}: {values[key]} is not reckoned; {' and '.join(map(str, known))} are")
    found = shape(model or str(values.get("model_name_or_path")))
    lora = int(number(values.get("lora_rank")) or 8) if values.get("finetuning_type", "lora") == "lora" else 0
    frozen = values.get("freeze_vision_tower", True) is not False
    way = Way(
        wide=2 if values.get("bf16") or values.get("pure_bf16") or values.get("fp16") else 4,
        checkpointed=values.get("disable_gradient_checkpointing") is not True,
        fused=values.get("enable_liger_kernel") is True and found.family in SEEN_BY_LIGER,
        adapters=bool(lora),
        whole=not lora,
        padded=values.get("flash_attn") != "fa2",
        tower=not frozen and not lora,
        kernels=values.get("use_cpu") is not True,
    )
    zero = _zero(values.get("deepspeed"))
    accumulation = int(number(values.get("gradient_accumulation_steps")) or 1)
    workers = int(number(values.get("dataloader_num_workers")) or 0)
    return Settings(found, lora, zero, batch, accumulation, way, frozen, workers, rows)


def _zero(file: Any) -> int:
    if not isinstance(file, str):
        return 0
    try:
        return int(json.loads(Path(file).read_text())["zero_optimization"]["stage"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"deepspeed: {file}: no stage of ZeRO in it ({error})") from None


def need(given: Settings, machine: Machine) -> Need:
    static, step = weights(given, machine), held(given.shape, given.batch, given.way)
    training = static | step
    training["allowance"] = allowance(machine, sum(step.values()))
    updating = static | {"an update's own copies": 4 * trained(given) / _shared(given, machine)}
    updating["allowance"] = allowance(machine, 0)
    names = {"training": training, "updating": updating}
    phases = tuple(Phase(name, parts) for name, parts in names.items())
    return Need(phases, _host(given, machine), machine.gpus * (1 + given.workers), given.rows, _notes(given, machine))


def trained(given: Settings) -> int:
    if given.lora:
        return given.shape.adapter(given.lora)
    return given.shape.language if given.frozen_tower else given.shape.parameters


def weights(given: Settings, machine: Machine) -> Parts:
    """LLaMA-Factory trains in float32; under DeepSpeed in bfloat16, with float32 copies that the ranks share."""
    moved, wide, ranks = trained(given), given.way.wide, machine.gpus
    frozen = given.shape.parameters - (0 if given.lora else moved)
    if given.zero and wide == 2:
        bucket = min(BUCKET, moved) * 2 * 3
        parts = {"weights": 2.0 * (frozen + moved), "gradients": 2.0 * moved / ranks, "ZeRO's buckets": bucket}
        if given.zero == 3:
            parts["weights"] = parts["weights"] / ranks + 2 * min(LIVE, frozen + moved)
        return parts | {"optimizer": 12.0 * moved / ranks}
    parts = {"weights": wide * frozen + 4.0 * moved, "gradients": 4.0 * moved, "optimizer": 8.0 * moved}
    if wide == 2:
        parts["weights in bfloat16"] = 2.0 * moved
    if ranks > 1:
        parts["gradients on their way"] = 4.0 * moved
    return parts


def _shared(given: Settings, machine: Machine) -> int:
    return machine.gpus if given.zero else 1


def _host(given: Settings, machine: Machine) -> Parts:
    """Each process reads the whole model; only ZeRO-3 lets them share it."""
    copies = 1 if given.zero == 3 else machine.gpus
    processes = machine.gpus * (PROCESS + given.workers * WORKER)
    return {"the model, read": float(copies * given.way.wide * given.shape.parameters), "processes": processes}


def _notes(given: Settings, machine: Machine) -> tuple[str, ...]:
    rows = given.batch.rows * given.accumulation * machine.gpus
    left = machine.memory - sum(weights(given, machine).values()) - allowance(machine, 0)
    longest = longest_row(given.shape, given.batch, given.way, left / 1.06)
    fit = f"rows of {longest:,} tokens fit, one at a time" if longest else "no row fits beside what stays"
    return (f"{rows} rows in an update", fit)


def switches(given: Settings, machine: Machine) -> list[tuple[str, Settings]]:
    """What can be written into the recipe, cheapest first."""
    known: list[tuple[str, Callable[[Settings], Settings] | None]] = [
        (
            f"per_device_train_batch_size: 1, gradient_accumulation_steps: {given.batch.rows * given.accumulation}",
            _one_row if given.batch.rows > 1 else None,
        ),
        ("enable_liger_kernel: true", _fused if given.shape.family in SEEN_BY_LIGER and not given.way.fused else None),
        ("remove disable_gradient_checkpointing", None if given.way.checkpointed else _checkpointed),
        (
            "deepspeed: recipes/shared/deepspeed_zero3.json",
            _zero3 if machine.gpus > 1 and given.zero < 3 and not given.lora else None,
        ),
        ("finetuning_type: lora, lora_rank: 64, without deepspeed", None if given.lora else _lora),
    ]
    return [(text, change(given)) for text, change in known if change]


def _one_row(given: Settings) -> Settings:
    batch = replace(given.batch, rows=1)
    return replace(given, batch=batch, accumulation=given.batch.rows * given.accumulation)


def _fused(given: Settings) -> Settings:
    return replace(given, way=replace(given.way, fused=True))


def _checkpointed(given: Settings) -> Settings:
    return replace(given, way=replace(given.way, checkpointed=True))


def _zero3(given: Settings) -> Settings:
    return replace(given, zero=3)


def _lora(given: Settings) -> Settings:
    return replace(given, lora=64, zero=0, way=replace(given.way, adapters=True, whole=False, tower=False))
