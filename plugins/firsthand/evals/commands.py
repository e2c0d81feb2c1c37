"""`firsthand eval`: ask a served model held-out questions, and score what it answered."""

from pathlib import Path
from typing import Annotated

import typer

from firsthand.errors import UserError

app = typer.Typer(no_args_is_help=True, help="Ask a served model held-out questions and score the answers.")


@app.command()
def ask(
    file: Annotated[Path, typer.Argument(help="JSONL of questions: id, messages, letters; media by path.")],
    server: Annotated[str, typer.Option(help="Base URL of an OpenAI-compatible server.")],
    model: Annotated[str, typer.Option(help="The name under which the server serves the model.")],
    out: Annotated[Path, typer.Option(help="JSONL of answers; run again with the same file to resume.")],
    media_root: Annotated[
        Path | None, typer.Option(help="Media paths are below this folder; by default FILE's own.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Questions in flight at once.")] = 8,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 is greedy.")] = 0.0,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer; leave room for thinking.")] = 1024,
    seed: Annotated[int, typer.Option(help="Seed of the server's sampling.")] = 0,
    retries: Annotated[int, typer.Option(min=0, help="Tries again after connection faults, 429 and 5xx.")] = 6,
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds to wait for one answer.")] = 600.0,
) -> None:
    """Ask every question once; exit code 1 when any could not be asked.

    Example: firsthand eval ask heldout.jsonl --server http://localhost:8000 --model grpo --out runs/grpo.jsonl
    """
    import asyncio

    from rich.console import Console

    from firsthand.evals.ask import ask as ask_all
    from firsthand.evals.client import Settings

    settings = Settings(model=model, temperature=temperature, max_tokens=max_tokens, seed=seed)
    summary = asyncio.run(
        ask_all(
            file,
            out,
            server,
            settings,
            media_root=media_root or file.parent,
            concurrency=concurrency,
            retries=retries,
            timeout=timeout,
        )
    )
    console = Console(highlight=False, markup=False)
    if summary.torn:
        console.print(f"{out} ended in half a row (an earlier run was killed); it was dropped and asked again")
    console.print(
        f"{summary.asked} asked, {summary.resumed} from earlier runs, {len(summary.failed)} failed; "
        f"of all answers {summary.unparsed} without a letter, {summary.cut} cut off at {max_tokens} tokens -> {out}"
    )
    for key, why in summary.failed.items():
        console.print(f"failed {key}: {why}", style="red", soft_wrap=True)
    if summary.failed:
        raise typer.Exit(1)


@app.command()
def score(
    predictions: Annotated[list[Path], typer.Argument(help="Files of answers, one a model.")],
    answers: Annotated[Path, typer.Option(help="JSONL with id, answer, letters and keys to group by.")],
    by: Annotated[str | None, typer.Option(help="Also by the values of this key: label, type, identity, ...")] = None,
    against: Annotated[Path | None, typer.Option(help="Compare each file with this one, question by question.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
) -> None:
    """Accuracy with 95 % intervals; a question without an answer is wrong and counted.

    Example: firsthand eval score sft.jsonl grpo.jsonl --answers heldout.jsonl --by label --against base.jsonl
    """
    from firsthand.evals.rows import Gold, Prediction, read_rows
    from firsthand.evals.score import compare
    from firsthand.evals.score import score as score_one

    gold = read_rows(answers, Gold)
    files = dict.fromkeys([*predictions, *([against] if against else [])])
    if len({path.stem for path in files}) < len(files):
        raise UserError("two files of answers share a name; a model is called by the name of its file")
    runs = {path: read_rows(path, Prediction) for path in files}
    scores = [score_one(path.stem, rows, gold, by) for path, rows in runs.items()]
    comparisons = [
        compare((against.stem, runs[against]), (path.stem, runs[path]), gold, seed=seed)
        for path in predictions
        if against and path != against
    ]
    if json:
        typer.echo(_as_json(scores, comparisons))
    else:
        from firsthand.evals.tables import print_scores

        print_scores(scores, comparisons)


def _as_json(scores: list, comparisons: list) -> str:
    from json import dumps

    return dumps(
        {
            "table": [row.model_dump() | {"accuracy": row.accuracy, "interval": row.interval} for row in scores],
            "comparisons": [row.model_dump() for row in comparisons],
        },
        indent=1,
    )
