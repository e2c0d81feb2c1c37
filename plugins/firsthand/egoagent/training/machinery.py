"""Accelerate, opened as a recipe says: plain copies, FSDP2 or DeepSpeed's ZeRO, each by Accelerate's own settings.

Weights, poses and what a step returns stay in float32 in all of them, and autocast alone computes in less. Left to
itself, FSDP2 would round poses to a centimetre and counts of rows to 8 bits, and DeepSpeed would keep the teacher in
bfloat16, where an average stops to move.
"""

from pathlib import Path
from typing import Any

from accelerate import Accelerator
from torch import nn
from torch.optim import AdamW

from firsthand.egoagent.training.learner import Learner
from firsthand.egoagent.training.settings import Recipe
from firsthand.errors import UserError


def open_accelerator(recipe: Recipe) -> Accelerator:
    machine = recipe.machine
    return Accelerator(
        mixed_precision="no" if machine.sharding.startswith("zero") else machine.precision,
        gradient_accumulation_steps=recipe.batch.micro_batches,
        cpu=machine.cpu,
        log_with=list(recipe.keep.loggers) or None,
        project_dir=str(Path(recipe.output_dir) / "logs"),
        **sharding(recipe),
    )


def sharding(recipe: Recipe) -> dict[str, Any]:
    """The plugin of the recipe's sharding. FSDP1 cannot run a module twice in a step, which teacher and views need."""
    kind = recipe.machine.sharding
    if kind == "fsdp2":
        from accelerate import FullyShardedDataParallelPlugin
        from torch.distributed.fsdp import MixedPrecisionPolicy

        plugin = FullyShardedDataParallelPlugin(
            fsdp_version=2,
            mixed_precision_policy=MixedPrecisionPolicy(),
            auto_wrap_policy="transformer_based_wrap",
            transformer_cls_names_to_wrap=["LlamaDecoderLayer"],
            cpu_ram_efficient_loading=False,  # every rank makes the same weights from the seed
            state_dict_type="SHARDED_STATE_DICT",
        )
        return {"fsdp_plugin": plugin}
    if kind == "ddp":
        return {}
    from accelerate import DeepSpeedPlugin
    from accelerate.utils import is_deepspeed_available

    if not is_deepspeed_available():
        raise UserError(f"machine.sharding: {kind} needs DeepSpeed: pip install 'firsthand[cuda]', or say ddp or fsdp2")
    if recipe.machine.precision == "fp16":
        raise UserError(f"machine.precision: fp16 with {kind} would keep the teacher in it; say bf16, or ddp or fsdp2")
    batch = recipe.batch
    plugin = DeepSpeedPlugin(
        zero_stage=int(kind[-1]),
        gradient_accumulation_steps=batch.micro_batches,
        gradient_clipping=recipe.schedule.clip,
    )
    plugin.deepspeed_config["train_micro_batch_size_per_gpu"] = batch.images  # nothing is prepared that would tell it
    plugin.deepspeed_config["torch_autocast"] = {"enabled": recipe.machine.precision == "bf16", "dtype": "bfloat16"}
    return {"deepspeed_plugin": plugin}


def optimizer_of(learner: Learner, recipe: Recipe) -> AdamW:
    """`matrices`: biases, norms and queries do not decay."""
    given, trained = recipe.schedule, [one for one in learner.parameters() if one.requires_grad]
    if given.decays == "all":
        groups = [{"params": trained, "decays": True}]
    else:
        matrices = [one for one in trained if one.dim() > 1]
        groups = [{"params": matrices, "decays": True}]
        groups.append({"params": [one for one in trained if one.dim() == 1], "decays": False})
    # The fused AdamW takes a step that a scaler should skip as taken, and DeepSpeed has its own.
    fused = recipe.machine.precision != "fp16" and not recipe.machine.sharding.startswith("zero")
    return AdamW(groups, lr=given.learning_rate, betas=given.betas, weight_decay=0.0, fused=fused)


def fit_to_machine(learner: Learner, recipe: Recipe, ranks: int) -> Learner:
    """Before it is prepared: what saves memory or time and changes no parameter's name."""
    if recipe.machine.checkpointing:
        learner.student.encoder.trunk.gradient_checkpointing_enable({"use_reentrant": False})
    if ranks > 1 and learner.student.config.stem_norm == "batch" and not recipe.machine.cpu:
        for model in (learner.student, learner.teacher):
            model.encoder.stem = nn.SyncBatchNorm.convert_sync_batchnorm(model.encoder.stem)
    if recipe.machine.compile:
        for model in (learner.student, learner.teacher):
            model.encoder.trunk.compile()  # in place: torch.compile(trunk) would be another module
    return learner
