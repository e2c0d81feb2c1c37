"""What the installed LLaMA-Factory accepts: argument names, templates, and the template of every model it knows."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from firsthand.recipe.python_source import Dataclasses, Field, package_folder, parse

TRAIN = ("ModelArguments", "DataArguments", "TrainingArguments", "FinetuningArguments", "GeneratingArguments")
INFER = ("ModelArguments", "DataArguments", "FinetuningArguments", "GeneratingArguments")


@dataclass(frozen=True)
class Template:
    name: str
    reasoning: bool
    plugin: str  # which multimodal plugin expands the placeholders; "base" knows none


@cache
def fields(classes: tuple[str, ...]) -> dict[str, Field]:
    """Argument name -> field; empty when LLaMA-Factory or transformers is not installed."""
    factory, transformers = package_folder("llamafactory"), package_folder("transformers")
    if factory is None or transformers is None:
        return {}
    outside = Dataclasses([transformers / "training_args.py", transformers / "training_args_seq2seq.py"])
    inside = Dataclasses(sorted((factory / "hparams").glob("*.py")), outside)
    return {name: field for cls in classes for name, field in inside.fields(cls).items()}


def _calls(module: str, function: str) -> Iterator[dict[str, ast.expr]]:
    factory = package_folder("llamafactory")
    if factory is None:
        return
    for node in parse(factory / module).body:
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == function:
            yield {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}


def _text(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


@cache
def templates() -> dict[str, Template]:
    found = {}
    for arguments in _calls("data/template.py", "register_template"):
        name = _text(arguments.get("name"))
        plugin = arguments.get("mm_plugin")
        inner = {k.arg: k.value for k in plugin.keywords} if isinstance(plugin, ast.Call) else {}
        reasoning = getattr(arguments.get("template_class"), "id", "") == "ReasoningTemplate"
        if name:
            found[name] = Template(name, reasoning, _text(inner.get("name")) or "base")
    return found


@cache
def model_templates() -> dict[str, str]:
    """The last part of a hub name, in lower case -> the template LLaMA-Factory gives that model."""
    found: dict[str, str] = {}
    for arguments in _calls("extras/constants.py", "register_model_group"):
        template, models = _text(arguments.get("template")), arguments.get("models")
        if template and models is not None:
            found |= {
                hub.split("/")[-1].lower(): template for node in ast.walk(models) if (hub := _text(node)) and "/" in hub
            }
    return found
