"""`firsthand demo`: the whole loop on the toy week."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="SFT, export, GRPO, serving and evaluation on the toy week, end to end.")


@app.command()
def run(
    out: Annotated[Path, typer.Option(help="Folder of this run; run again with the same one to resume.")] = Path(
        "runs/demo_seed0"
    ),
    seed: Annotated[int, typer.Option(help="Seed of the traces, of SFT and of GRPO.")] = 0,
) -> None:
    """Run every stage that is not done yet, then write report.html.

    Example: firsthand demo run --out runs/demo_seed0 --seed 0
    """
    from rich.console import Console

    from firsthand.demo.run import run_demo

    run_demo(out, seed, Console())


@app.command()
def seeds(
    seeds: Annotated[str, typer.Option(help="Comma-separated seeds; each has a run folder of its own.")] = "0,1,2",
    results: Annotated[Path, typer.Option(help="Markdown file whose demo section is replaced.")] = Path(
        "docs/results.md"
    ),
) -> None:
    """Run the demo once a seed and write the table of all of them.

    Example: firsthand demo seeds --seeds 0,1,2 --results docs/results.md
    """
    from rich.console import Console

    from firsthand.demo.results import write_seeds_table
    from firsthand.demo.run import run_demo

    console = Console()
    chosen = [int(seed) for seed in seeds.split(",")]
    folders = {seed: Path(f"runs/demo_seed{seed}") for seed in chosen}
    for seed, folder in folders.items():
        console.rule(f"seed {seed}")
        run_demo(folder, seed, console)
    write_seeds_table(folders, results)
    console.print(f"the table is in {results}")


@app.command()
def ask(
    model: Annotated[Path, typer.Argument(help="A model folder; vLLM serves it while the questions are asked.")],
    questions: Annotated[Path, typer.Argument(help="JSONL of questions, as `firsthand eval ask` takes it.")],
    out: Annotated[Path, typer.Option(help="JSONL of answers; resumes.")],
    max_tokens: Annotated[int, typer.Option(help="Longest answer.")] = 24,
    max_model_len: Annotated[int, typer.Option(help="vLLM's --max-model-len.")] = 640,
) -> None:
    """Serve a model with vLLM, ask it every question greedily, and stop the server.

    Example: firsthand demo ask models/tiny_qwen3_vl datasets/toy/choice_test.jsonl --out runs/base.jsonl
    """
    import asyncio

    from firsthand.errors import UserError
    from firsthand.evals.ask import ask as ask_all
    from firsthand.evals.client import Settings
    from firsthand.serving.vllm_server import vllm_server

    settings = Settings(model="demo", temperature=0.0, max_tokens=max_tokens, seed=0)
    with vllm_server(model, "demo", out.with_suffix(".vllm.log"), max_model_len) as url:
        summary = asyncio.run(ask_all(questions, out, url, settings, media_root=questions.parent, concurrency=16))
    if summary.failed:
        key, why = next(iter(summary.failed.items()))
        raise UserError(f"{len(summary.failed)} questions could not be asked; the first: {key}: {why}")
