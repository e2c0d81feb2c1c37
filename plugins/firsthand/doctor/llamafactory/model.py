"""LLaMA-Factory: the model, its template, the files that go with it, and what an export merges."""

from collections.abc import Iterator
from typing import Any

from firsthand.doctor.qwen3_5 import is_qwen3_5
from firsthand.findings import RULES, Finding, Place
from firsthand.recipe import llamafactory_facts, model_names, named_files
from firsthand.recipe.llamafactory_facts import Template
from firsthand.recipe.values import did_you_mean, names
from firsthand.recipe.yaml_lines import Document

NO_SUCH_TEMPLATE = RULES["LF010"]
WRONG_TEMPLATE = RULES["LF011"]
NO_TEMPLATE = RULES["LF012"]
QUANTISED_BASE = RULES["LF035"]

Settings = dict[str, Any]


def check(document: Document, kind: str) -> Iterator[Finding]:
    settings: Settings = document.data
    yield from _template(document, settings)
    yield from _files(document, settings)
    if kind == "export":
        yield from _export(document, settings)


def _template(document: Document, settings: Settings) -> Iterator[Finding]:
    known, model, name = llamafactory_facts.templates(), settings.get("model_name_or_path"), settings.get("template")
    default = llamafactory_facts.model_templates().get(model.split("/")[-1].lower()) if isinstance(model, str) else None
    place = document.place("template")
    if name is None:
        fix = f"add `template: {default or 'qwen3_vl_nothink'}`"
        yield NO_TEMPLATE.at(document.place("model_name_or_path"), "no `template`", fix)
    elif known and (not isinstance(name, str) or name not in known):
        fix = did_you_mean(str(name), known, "see LLaMA-Factory's list")
        yield NO_SUCH_TEMPLATE.at(place, f"template `{name}` does not exist", fix)
    elif known and isinstance(model, str):
        yield from _fit(place, known, known[name], known.get(default or ""), model)


def _fit(
    place: Place, known: dict[str, Template], template: Template, default: Template | None, model: str
) -> Iterator[Finding]:
    family = model_names.family(model)
    plugin = default.plugin if default else ("qwen3_vl" if family[1] == 16 else "qwen2_vl") if family else None
    nothink = f"{template.name}_nothink"
    if plugin is not None and template.plugin != plugin:
        better = default.name if default else ("qwen2_vl" if plugin == "qwen2_vl" else "qwen3_vl_nothink")
        message = f"`{template.name}` handles media as {template.plugin}, `{model}` needs {plugin}"
        yield WRONG_TEMPLATE.at(place, message, f"write `template: {better}`")
    elif (
        template.reasoning
        and (model_names.is_instruct(model) or (default and not default.reasoning))
        and nothink in known
    ):
        message = (
            f"`{template.name}` is for thinking models, and `{model}` is not one: it would learn empty think blocks"
        )
        yield WRONG_TEMPLATE.at(place, message, f"write `template: {nothink}`")
    elif default and default.reasoning and not template.reasoning and not is_qwen3_5(model):  # RC020 is about that
        message = f"`{model}` thinks before it answers; `{template.name}` trains that away"
        yield WRONG_TEMPLATE.at(place, message, f"write `template: {default.name}`", level="warning")


def _files(document: Document, settings: Settings) -> Iterator[Finding]:
    for key in ("model_name_or_path", "adapter_name_or_path", "ref_model", "reward_model", "resume_from_checkpoint"):
        for value in names(settings.get(key)):
            if named_files.is_local(value):
                yield from named_files.missing(document.place(key), value, document.path)
    for key in ("deepspeed", "fsdp_config", "new_special_tokens_config", "media_dir"):
        yield from named_files.missing(document.place(key), settings.get(key), document.path)


def _export(document: Document, settings: Settings) -> Iterator[Finding]:
    adapter, model = settings.get("adapter_name_or_path"), settings.get("model_name_or_path")
    if not adapter:
        return
    for key in ("quantization_bit", "export_quantization_bit"):
        if settings.get(key) is not None:
            fix = f"remove `{key}`; quantise after the merge"
            yield QUANTISED_BASE.at(document.place(key), f"`{key}` while merging an adapter", fix)
    if isinstance(model, str) and model_names.is_quantised(model):
        message = f"`{model}` looks quantised"
        yield QUANTISED_BASE.at(document.place("model_name_or_path"), message, "merge into the unquantised model")
