"""Fine-tuning as LLaMA-Factory does it: transformers' Trainer, bfloat16, trained weights in float32, reentrant
checkpoints, the tower frozen; LoRA and all weights, each with logits of every token and of labels only."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firsthand.doctor.fit import sft
from firsthand.doctor.fit.machine import GB, Machine
from firsthand.doctor.fit.peak import peak
from firsthand.doctor.fit.shapes import RELEASED, Shape, shape
from firsthand.doctor.fit.step import MERGE, Batch

PACKAGES = ("torch", "transformers", "peft")
RECIPES: dict[str, dict[str, Any]] = {
    "LoRA": {"finetuning_type": "lora", "lora_rank": 64},
    "all weights": {"finetuning_type": "full"},
}


@dataclass(frozen=True)
class Work:
    model: str
    batch: Batch
    steps: int
    wide: bool  # float32, on a CPU


def config(name: str) -> Any:
    """A configuration of transformers with the shape of a released model, or that of a folder."""
    from transformers import AutoConfig

    if Path(name).is_dir():
        return AutoConfig.from_pretrained(name)
    one = RELEASED[name]
    text = {
        "hidden_size": one.width, "num_hidden_layers": one.layers, "num_attention_heads": one.heads,
        "num_key_value_heads": one.kv_heads, "head_dim": one.head, "intermediate_size": one.inner,
        "vocab_size": one.vocabulary, "tie_word_embeddings": one.tied,
    }  # fmt: skip
    if one.vision is None:
        return AutoConfig.for_model(one.family, **text)
    if one.family != "qwen3_vl":
        raise SystemExit(f"--model {name}: pictures are made for Qwen3-VL only")
    seeing = {
        "depth": one.vision.depth, "hidden_size": one.vision.width, "intermediate_size": one.vision.inner,
        "out_hidden_size": one.vision.out, "patch_size": one.vision.patch,
    }  # fmt: skip
    return AutoConfig.for_model(one.family, text_config=text, vision_config=seeing, tie_word_embeddings=one.tied)


def made(work: Work, recipe: dict[str, Any]) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    wanted = config(work.model)
    auto = AutoModelForImageTextToText if hasattr(wanted, "vision_config") else AutoModelForCausalLM
    with torch.device("cpu" if work.wide else "cuda"):
        model = auto.from_config(wanted, dtype=torch.float32 if work.wide else torch.bfloat16)
    for name, weight in model.named_parameters():
        weight.requires_grad_("visual" not in name)
    if recipe["finetuning_type"] == "lora":
        from peft import LoraConfig, get_peft_model

        layers = r".*language_model\.layers.*_proj" if hasattr(wanted, "vision_config") else r".*layers.*_proj"
        model = get_peft_model(model, LoraConfig(r=recipe["lora_rank"], target_modules=layers, task_type="CAUSAL_LM"))
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
    model.enable_input_require_grads()
    return model


def row(work: Work, of: Shape, wanted: Any) -> dict[str, Any]:
    """A picture as wide as high as it can be, words around it, and an answer at the end."""
    import torch

    ids = torch.randint(1, 700, (1, work.batch.tokens))
    labels = torch.full_like(ids, -100)
    labels[:, -work.batch.labels :] = ids[:, -work.batch.labels :]
    made = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    made["attention_mask"][:, -1] = 0  # LLaMA-Factory pads rows to eights
    if of.vision:
        ids[:, 2 : 2 + work.batch.seen] = wanted.image_token_id
        made["mm_token_type_ids"] = (ids == wanted.image_token_id).int()
        made["image_grid_thw"] = torch.tensor([[1, MERGE, MERGE * work.batch.seen]])
        made["pixel_values"] = torch.randn(MERGE**2 * work.batch.seen, of.vision.pixels)
    return made


def train(work: Work, recipe: dict[str, Any], few: bool, took: list[float]) -> None:
    """Some updates through the Trainer; `took` gets the moment at the end of each."""
    from transformers import Trainer, TrainerCallback, TrainingArguments, trainer

    from firsthand.training import patches

    patches.install(patches.SFT)
    ours = trainer.Trainer.compute_loss

    class Ways(Trainer):
        compute_loss = ours if few or not hasattr(ours, "__wrapped__") else ours.__wrapped__

    class Watch(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            took.append(time.perf_counter())

    one = row(work, shape(work.model), config(work.model))
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, max_steps=work.steps, per_device_train_batch_size=1, bf16=not work.wide, use_cpu=work.wide,
            gradient_checkpointing=True, gradient_checkpointing_kwargs={"use_reentrant": True}, report_to="none",
            save_strategy="no", logging_strategy="no", remove_unused_columns=False, disable_tqdm=True,
        )  # fmt: skip
        model = made(work, recipe)
        Ways(model, arguments, train_dataset=[one] * work.steps, data_collator=lambda rows: rows[0],
             callbacks=[Watch()]).train()  # fmt: skip


def predicted(work: Work, recipe: dict[str, Any], few: bool) -> float:
    """Bytes of tensors: the sum without what no count of tensors sees."""
    told = work.batch.labels if few else work.batch.tokens
    batch = Batch(1, work.batch.tokens, told, work.batch.seen)
    values = recipe | {"model_name_or_path": work.model, "bf16": not work.wide}
    need = sft.need(sft.settings(values, batch, ""), Machine(1, 80 * GB))
    return max(phase.total - phase.parts["allowance"] for phase in need.phases)


def measured(work: Callable[[], None]) -> float:
    import gc

    import torch

    found = peak(work)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return found


def fine_tuning(work: Work, memory: float) -> None:
    print(
        f"{work.model}: {work.batch.tokens:,} tokens, {work.batch.seen:,} of pictures, {work.batch.labels} of answers"
    )
    print(f"{'':12} {'logits':14} {'GB, predicted':>14} {'measured':>9} {'ratio':>6} {'tokens/s':>9}")
    for name, recipe in RECIPES.items():
        for few in (False, True):
            sum_, head = predicted(work, recipe, few), f"{name:12} {'of labels' if few else 'of every token':14}"
            if sum_ > memory:
                print(f"{head} {sum_ / GB:14.3f}   skipped: more than the {memory / GB:.0f} GB that are here")
                continue
            took: list[float] = []
            found = measured(lambda recipe=recipe, few=few, took=took: train(work, recipe, few, took))  # type: ignore[misc]
            speed = work.batch.tokens * (len(took) - 1) / (took[-1] - took[0])
            print(f"{head} {sum_ / GB:14.3f} {found / GB:9.3f} {sum_ / found:6.2f} {speed:9.0f}", flush=True)


def run(model: str, tiny: bool) -> None:
    """Tokens a second are those of the steps after the first. Memory is torch's own count at its peak, without CUDA's
    context; on a CPU it is the profiler's, and the time says nothing."""
    import torch

    tokens, answer = (400, 16) if tiny else (8192, 64)
    seen = (tokens - answer) * 3 // 4 if shape(model).vision else 0
    memory = 4 * GB if tiny else float(torch.cuda.mem_get_info()[0])
    fine_tuning(Work(model, Batch(1, tokens, answer, seen), 3 if tiny else 4, tiny), memory)
