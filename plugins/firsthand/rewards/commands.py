"""`firsthand reward ...`: what a recipe's reward pays for."""

from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, help="Try the reward function of a recipe: on all its rows, or on one text.")
SHOWN = 20  # problems


@app.command()
def validate(
    dataset: Annotated[list[Path], typer.Argument(help="Rows of veRL (parquet, JSONL), or a folder of *.parquet.")],
    recipe: Annotated[Path, typer.Option(help="The veRL recipe whose reward function is called.")],
    rows: Annotated[int | None, typer.Option(min=1, help="Only so many of the first rows of each file.")] = None,
) -> None:
    """Prove that the gold answer of every row earns the full score and three wrong answers do not; no model is asked.

    Example: firsthand reward validate datasets/toy --recipe recipes/tiny_grpo_qwen3vl_choice.yaml
    """
    from functools import partial

    from firsthand.errors import UserError
    from firsthand.findings import printable
    from firsthand.progress import with_bar
    from firsthand.rewards import function
    from firsthand.rewards.validate import validate as run

    chain, reward = function.of_recipe(recipe)
    files = [file for path in dataset for file in (sorted(path.glob("*.parquet")) if path.is_dir() else [path])]
    if not files:
        raise UserError(f"{', '.join(map(str, dataset))}: holds no *.parquet with rows of veRL")
    loop = chain.get(function.LOOP)
    found = [with_bar(file.name, partial(run, file, reward, loop, rows)) for file in files]
    for one in found:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(one.rows.items()))
        typer.echo(f"{one.file}: " + (f"{kinds}; the full score is {one.full:g}" if kinds else "no row was scored"))
        if one.unjudged:
            typer.echo(f"  {one.unjudged:,} wrong answers were not scored: only a server can tell them from right ones")
    problems = [problem for one in found for problem in (*one.unreadable.first, *one.problems)]
    for problem in problems[:SHOWN]:
        typer.secho(f"  error  {printable(problem)}", fg="red")
    if count := sum(one.unreadable.count + one.count for one in found):
        typer.secho(f"{count:,} problems; correct the rows, or the reward in {recipe}", fg="red")
        raise typer.Exit(1)
    typer.echo("ok: every gold answer earns the full score, and no wrong one does")


@app.command(name="try")
def try_text(
    recipe: Annotated[Path, typer.Argument(help="A veRL recipe.")],
    text: Annotated[str, typer.Argument(help="A response, as a model writes it; `-` reads it from the input.")],
    gold: Annotated[str, typer.Option(help="The right answer.")],
    letters: Annotated[str | None, typer.Option(help="Letters of a choice; default ABCD, none with --type.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="The type of problem, e.g. numerical.")] = None,
    question: Annotated[str, typer.Option(help="What was asked, for a judge.")] = "",
) -> None:
    """Show every part of a reward, and the score, for one text.

    Example: firsthand reward try recipes/grpo_qwen3vl_choice.yaml "<think>red</think><answer>B</answer>" --gold B
    """
    import sys

    from firsthand.rewards import function
    from firsthand.rewards.examples import trace_of

    chain, reward = function.of_recipe(recipe)
    choice = kind in (None, "multiple choice")
    info: dict[str, Any] = {
        "letters": letters or ("ABCD" if choice else ""),
        "problem_type": kind,
        "question": question,
    }
    text = sys.stdin.read() if text == "-" else text
    if chain.get(function.LOOPS):
        info |= {"trace": trace_of(text, info)}
    for name, value in reward.score(text, gold, info).items():
        typer.echo(f"{name:<12} {value:g}")
