"""LLaMA-Factory: settings that contradict each other, the model or the machine they ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from firsthand.doctor import lf_facts, models, paths
from firsthand.doctor.findings import Finding, Place, rule
from firsthand.doctor.lf_facts import Template
from firsthand.doctor.values import did_you_mean, names, number
from firsthand.doctor.yaml_lines import Document

NO_SUCH_TEMPLATE = rule("LF010", "error", "an unknown template", "LLaMA-Factory stops after loading the tokenizer.")
WRONG_TEMPLATE = rule(
    "LF011",
    "error",
    "the template does not fit the model",
    "A reasoning template teaches an Instruct model empty think blocks; one of another family garbles media.",
)
NO_TEMPLATE = rule(
    "LF012", "warning", "no template", "It is guessed from the tokenizer; training and serving may then differ."
)
VISION_LORA = rule(
    "LF031",
    "warning",
    "LoRA on the vision tower",
    "Engines that serve adapters ignore the vision part silently; only a merged model contains it.",
)
GPU_ONLY = rule(
    "LF034", "error", "a GPU-only setting in a CPU run", "The run stops, or a kernel is missing at the first step."
)
QUANTISED_BASE = rule("LF035", "error", "merging into a quantised model", "The merge is refused, or loses precision.")
CONTRADICTION = rule("LF036", "error", "settings that exclude each other", "LLaMA-Factory stops on the combination.")
NOTHING_TO_DO = rule(
    "LF037",
    "error",
    "nothing to do",
    "Without do_train, do_eval or do_predict the run loads the model and ends, without an error.",
)

Settings = dict[str, Any]
# (when, key, what is wrong, what to do): combinations that LLaMA-Factory itself refuses, each after it has started
CONTRADICTIONS: list[tuple[Callable[[Settings], Any], str, str, str]] = [
    (
        lambda s: s.get("eval_dataset") and number(s.get("val_size")),
        "val_size",
        "`val_size` and `eval_dataset` exclude each other",
        "remove one of them",
    ),
    (
        lambda s: (
            (s.get("do_eval") or s.get("eval_strategy", "no") not in ("no", False, None))
            and not s.get("eval_dataset")
            and not number(s.get("val_size"))
        ),
        "eval_strategy",
        "evaluation is on, but there is nothing to evaluate on",
        "add `eval_dataset`, or `val_size: 0.05`",
    ),
    (
        lambda s: s.get("do_train") and not s.get("dataset"),
        "do_train",
        "training without a data set",
        "add `dataset:` with a name from dataset_info.json",
    ),
    (
        lambda s: s.get("streaming") and number(s.get("max_steps")) is None,
        "streaming",
        "`streaming` needs `max_steps`",
        "add `max_steps`",
    ),
    (
        lambda s: s.get("streaming") and s.get("max_samples") is not None,
        "max_samples",
        "`max_samples` does not work with `streaming`",
        "remove one of them",
    ),
    (
        lambda s: s.get("mask_history") and s.get("train_on_prompt"),
        "mask_history",
        "`mask_history` and `train_on_prompt` exclude each other",
        "remove one of them",
    ),
    (
        lambda s: s.get("adapter_name_or_path") and s.get("finetuning_type", "lora") != "lora",
        "finetuning_type",
        "an adapter needs `finetuning_type: lora`",
        "write `finetuning_type: lora`, or remove `adapter_name_or_path`",
    ),
    (
        lambda s: s.get("quantization_bit") is not None and s.get("finetuning_type", "lora") not in ("lora", "oft"),
        "quantization_bit",
        "a quantised model trains with LoRA or OFT only",
        "write `finetuning_type: lora`, or remove `quantization_bit`",
    ),
    (
        lambda s: s.get("stage", "sft") != "sft" and (s.get("mask_history") or s.get("neat_packing")),
        "stage",
        "`mask_history` and `neat_packing` exist for `stage: sft` only",
        "remove them",
    ),
    (
        lambda s: (number(s.get("image_max_pixels")) or 589824) < (number(s.get("image_min_pixels")) or 1024),
        "image_max_pixels",
        "`image_max_pixels` is below `image_min_pixels`",
        "raise it, or lower `image_min_pixels`",
    ),
]


def check(document: Document, kind: str) -> Iterator[Finding]:
    settings: Settings = document.data
    yield from _template(document, settings, kind)
    yield from _files(document, settings)
    if kind == "export":
        yield from _export(document, settings)
    if kind != "train":
        return
    for applies, key, message, fix in CONTRADICTIONS:
        if applies(settings):
            yield CONTRADICTION.at(document.place(key), message, fix)
    if not any(settings.get(key) for key in ("do_train", "do_eval", "do_predict")):
        yield NOTHING_TO_DO.at(document.place("do_train"), "no do_train, do_eval or do_predict", "add `do_train: true`")
    if settings.get("use_cpu") is True:
        for key, values in {
            "fp16": (True,),
            "pure_bf16": (True,),
            "flash_attn": ("fa2", "fa3"),
            "enable_liger_kernel": (True,),
        }.items():
            if settings.get(key) in values:
                yield GPU_ONLY.at(document.place(key), f"`{key}` needs a GPU, and `use_cpu` is true", f"remove `{key}`")
    if (
        settings.get("finetuning_type", "lora") == "lora"
        and settings.get("freeze_vision_tower") is False
        and models.family(settings.get("model_name_or_path"))
    ):
        message = "the adapter will hold vision weights that adapter serving ignores"
        yield VISION_LORA.at(
            document.place("freeze_vision_tower"), message, "write `freeze_vision_tower: true`, or merge before serving"
        )


def _template(document: Document, settings: Settings, kind: str) -> Iterator[Finding]:
    known, model, name = lf_facts.templates(), settings.get("model_name_or_path"), settings.get("template")
    default = lf_facts.model_templates().get(model.split("/")[-1].lower()) if isinstance(model, str) else None
    place = document.place("template")
    if name is None:
        fix = f"add `template: {default or 'qwen3_vl_nothink'}`"
        yield NO_TEMPLATE.at(document.place("model_name_or_path"), "no `template`", fix)
    elif known and (not isinstance(name, str) or name not in known):
        yield NO_SUCH_TEMPLATE.at(
            place, f"template `{name}` does not exist", did_you_mean(str(name), known, "see LLaMA-Factory's list")
        )
    elif known and isinstance(model, str):
        yield from _fit(place, known, known[name], known.get(default or ""), model)


def _fit(
    place: Place, known: dict[str, Template], template: Template, default: Template | None, model: str
) -> Iterator[Finding]:
    family = models.family(model)
    plugin = default.plugin if default else ("qwen3_vl" if family[1] == 16 else "qwen2_vl") if family else None
    nothink = f"{template.name}_nothink"
    if plugin is not None and template.plugin != plugin:
        better = default.name if default else ("qwen2_vl" if plugin == "qwen2_vl" else "qwen3_vl_nothink")
        message = f"`{template.name}` handles media as {template.plugin}, `{model}` needs {plugin}"
        yield WRONG_TEMPLATE.at(place, message, f"write `template: {better}`")
    elif template.reasoning and (models.is_instruct(model) or (default and not default.reasoning)) and nothink in known:
        message = f"`{template.name}` is for thinking models, `{model}` is none: it would learn empty think blocks"
        yield WRONG_TEMPLATE.at(place, message, f"write `template: {nothink}`")
    elif default and default.reasoning and not template.reasoning:
        message = f"`{model}` thinks before it answers; `{template.name}` trains that away"
        yield WRONG_TEMPLATE.at(place, message, f"write `template: {default.name}`", level="warning")


def _files(document: Document, settings: Settings) -> Iterator[Finding]:
    for key in ("model_name_or_path", "adapter_name_or_path", "ref_model", "reward_model", "resume_from_checkpoint"):
        for value in names(settings.get(key)):
            if paths.is_local(value):
                yield from paths.missing(document.place(key), value, document.path)
    for key in ("deepspeed", "fsdp_config", "new_special_tokens_config", "media_dir"):
        yield from paths.missing(document.place(key), settings.get(key), document.path)


def _export(document: Document, settings: Settings) -> Iterator[Finding]:
    adapter, model = settings.get("adapter_name_or_path"), settings.get("model_name_or_path")
    if not adapter:
        return
    if settings.get("quantization_bit") is not None or settings.get("export_quantization_bit") is not None:
        key = "quantization_bit" if settings.get("quantization_bit") is not None else "export_quantization_bit"
        yield QUANTISED_BASE.at(
            document.place(key), f"`{key}` while merging an adapter", f"remove `{key}`; quantise after the merge"
        )
    elif isinstance(model, str) and models.is_quantised(model):
        message = f"`{model}` looks quantised"
        yield QUANTISED_BASE.at(document.place("model_name_or_path"), message, "merge into the unquantised model")
