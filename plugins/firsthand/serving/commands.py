"""`firsthand export SOURCE`: the framework's own merge, then the proof."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.command()
def export(
    source: Annotated[
        Path,
        typer.Argument(
            help="A LLaMA-Factory merge recipe, a veRL recipe, a veRL run or its global_step_N folder; or a model."
        ),
    ],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, as the framework takes them")] = None,
    out: Annotated[
        Path | None, typer.Option(help="veRL: where the merged model goes; default: global_step_N/merged.")
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="veRL: the model that the training began with, if no record names it.")
    ] = None,
    check_only: Annotated[bool, typer.Option("--check-only", help="Only verify an export that exists.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Also load it into vLLM and compare greedy answers (a minute or more).")
    ] = False,
) -> None:
    """Merge a LoRA adapter or a veRL checkpoint and prove that the result is the model that was trained.

    Example: firsthand export recipes/tiny_merge_qwen3vl_lora.yaml --verify

    Example: firsthand export runs/tiny_grpo_qwen3vl_choice/global_step_30 --out models/grpo

    Example: firsthand export recipes/tiny_grpo_qwen3vl_choice.yaml

    A folder with a model, such as the output of a full fine-tuning, is only looked through for names of weights that
    nothing loads (Qwen3.5), and these are repaired.
    """
    from firsthand.serving.export import export as run

    run(source, overrides or [], out, base, run=not check_only, serve=verify)
