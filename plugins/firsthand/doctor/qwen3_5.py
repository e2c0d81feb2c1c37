"""Qwen3.5 in either framework: a chat template that begins the reply, a machine without the kernels of its layers."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from firsthand.doctor.machine.machine import gpus
from firsthand.findings import RULES, Finding, Place
from firsthand.recipe import model_names, named_files
from firsthand.recipe.chat_templates import Template
from firsthand.recipe.python_source import package_folder

BEGUN = RULES["RC020"]
NO_KERNELS = RULES["RC021"]
# module -> what to install; flash-linear-attention 0.6 asks for another transformers than LLaMA-Factory takes
KERNELS = {"fla": "flash-linear-attention==0.5.0", "causal_conv1d": "causal-conv1d"}


def check(
    place: Place, model: Any, own_template: Any = None, on_cpu: bool = False, runs: bool = True
) -> Iterator[Finding]:
    """`runs`: the recipe runs the model forward, and does not only merge it."""
    if not is_qwen3_5(model):
        return
    unknown = named_files.is_local(model) and not named_files.exists(model)  # RC007 says that it is not there
    if not unknown and not Template(model, own_template).begins_no_reply():
        message = (
            f"the chat template of `{model}` begins every reply with <think>, and LLaMA-Factory's rows do not: the "
            "model would be asked with other tokens than it is taught"
        )
        fix = "take a copy of the model with models/tiny_qwen3_5/chat_template.jinja in it (docs/recipes.md)"
        yield BEGUN.at(place, message, fix)
    lacking = [package for module, package in KERNELS.items() if package_folder(module) is None]
    if runs and lacking and not on_cpu and _has_gpu():
        names = " and ".join(package.partition("==")[0] for package in lacking)
        message = f"{names} not installed: `{model}` runs its gated delta layers in slow torch code"
        yield NO_KERNELS.at(place, message, f"pip install {' '.join(lacking)}")


def is_qwen3_5(model: Any) -> bool:
    return (model_names.family(model) or ("", 0))[0] == "Qwen3.5"


@cache
def _has_gpu() -> bool:
    return bool(gpus())
