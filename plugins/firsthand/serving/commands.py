"""`firsthand export RECIPE`: LLaMA-Factory's own export, then the proof."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.command()
def export(
    recipe: Annotated[Path, typer.Argument(help="A LLaMA-Factory merge recipe, e.g. recipes/merge_qwen3vl_lora.yaml")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, as llamafactory-cli takes them")] = None,
    verify: Annotated[bool, typer.Option(help="Check keys, tokenizer, template and logits of the result.")] = True,
    check_only: Annotated[bool, typer.Option("--check-only", help="Verify an export that is already there.")] = False,
) -> None:
    """Merge an adapter (llamafactory-cli export RECIPE) and prove that the merged model is base + adapter.

    Example: firsthand export recipes/tiny_merge_lora_qwen3vl.yaml
    """
    from firsthand.serving.export import export_recipe

    export_recipe(recipe, overrides or [], run=not check_only, check=verify or check_only)
