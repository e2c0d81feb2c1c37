"""`firsthand demo`: the whole loop on the toy week."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="SFT, export, GRPO, serving and evaluation on the toy week, end to end.")


Loop = Annotated[str, typer.Argument(help="agent: tools over a week's memory. choice: pictures and short videos.")]


@app.command()
def run(
    loop: Loop = "agent",
    out: Annotated[Path | None, typer.Option(help="Folder of this run; run again with the same one to resume.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of SFT and of GRPO.")] = 0,
) -> None:
    """Run every stage that is not done yet, then write report.html.

    Example: firsthand demo run agent --seed 1
    """
    from rich.console import Console

    from firsthand.demo.run import run_demo

    run_demo(loop, out or _folder(loop, seed), seed, Console())


@app.command()
def seeds(
    loop: Loop = "agent",
    seeds: Annotated[str, typer.Option(help="Comma-separated seeds; each has a run folder of its own.")] = "0,1,2",
    results: Annotated[Path, typer.Option(help="Markdown file whose section of this demo is replaced.")] = Path(
        "docs/results.md"
    ),
) -> None:
    """Run a demo once a seed and write the table of all of them; seeds that are done are only tabled.

    Example: firsthand demo seeds agent --seeds 0,1,2 --results docs/results.md
    """
    from rich.console import Console

    from firsthand.demo.run import run_demo
    from firsthand.demo.seeds import write_table

    console = Console()
    folders = {int(seed): _folder(loop, int(seed)) for seed in seeds.split(",")}
    for seed, folder in folders.items():
        console.rule(f"seed {seed}")
        run_demo(loop, folder, seed, console)
    write_table(loop, folders, results)
    console.print(f"the table is in {results}")


def _folder(loop: str, seed: int) -> Path:
    return Path(f"runs/demo_{loop}_seed{seed}")


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
    from firsthand.llm.client import Settings
    from firsthand.serving.vllm_server import vllm_server

    settings = Settings(model="demo", temperature=0.0, max_tokens=max_tokens, seed=0)
    with vllm_server(model, "demo", out.with_suffix(".vllm.log"), max_model_len) as url:
        summary = asyncio.run(ask_all(questions, out, url, settings, media_root=questions.parent, concurrency=64))
    if summary.failed:
        key, why = next(iter(summary.failed.items()))
        raise UserError(f"{len(summary.failed)} questions could not be asked; the first: {key}: {why}")


@app.command()
def ask_agent(
    model: Annotated[Path, typer.Argument(help="A model folder; vLLM serves it while the questions are asked.")],
    out: Annotated[Path, typer.Option(help="Folder of `firsthand eval run`; resumes.")],
    loop: Annotated[Path, typer.Option(help="The agent's loop in training.")] = Path("recipes/toy/loop.yaml"),
    questions: Annotated[Path, typer.Option(help="Its questions.")] = Path("datasets/toy_agent/agent_test.jsonl"),
) -> None:
    """Serve an agent with vLLM, ask it every question greedily with its tools and without, and stop the server.

    Example: firsthand demo ask-agent models/tiny_qwen2_5 --out runs/base
    """
    import subprocess
    import sys

    from firsthand.serving.vllm_server import vllm_server

    command = [str(Path(sys.executable).with_name("firsthand")), "eval", "run", "toy_memory", "--agent", "demo"]
    command += ["--questions", str(questions), "--out", str(out), "--loop", str(loop), "--concurrency", "64"]
    with vllm_server(model, "demo", out.with_suffix(".vllm.log"), 1440) as url:
        for way in ([], ["--no-tools"]):
            if code := subprocess.run([*command, "--server", url, *way]).returncode:
                raise typer.Exit(code)
