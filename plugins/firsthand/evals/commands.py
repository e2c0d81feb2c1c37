"""`firsthand eval`: ask a model held-out questions, score what it answered, and choose between models by folds."""

from pathlib import Path
from typing import Annotated

import typer

from firsthand.errors import UserError
from firsthand.evals import commands_run
from firsthand.evals.agents import commands as agents

app = typer.Typer(
    no_args_is_help=True, help="Ask a model held-out questions, score the answers, choose models by folds."
)
app.add_typer(commands_run.app, name="run")
app.command()(agents.table)


@app.command()
def ask(
    file: Annotated[Path, typer.Argument(help="JSONL of questions: id, messages, letters; media by path.")],
    server: Annotated[str, typer.Option(help="Base URL of an OpenAI-compatible server.")],
    model: Annotated[str, typer.Option(help="The name under which the server serves the model.")],
    out: Annotated[Path, typer.Option(help="JSONL of answers; run again with the same file to resume.")],
    media_root: Annotated[
        Path | None, typer.Option(help="Media paths are below this folder; by default FILE's own.")
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option(help="The fine-tuning recipe by whose video_* keys video files are sampled.")
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

    from firsthand.evals.ask import ask as ask_all
    from firsthand.llm.client import Settings

    settings = Settings(model=model, temperature=temperature, max_tokens=max_tokens, seed=seed)
    summary = asyncio.run(
        ask_all(
            file,
            out,
            server,
            settings,
            media_root=media_root or file.parent,
            recipe=recipe,
            concurrency=concurrency,
            retries=retries,
            timeout=timeout,
        )
    )
    commands_run.tell(summary, max_tokens, out)


@app.command()
def score(
    predictions: Annotated[list[Path], typer.Argument(help="Files of answers, one a model; `egocross` before them.")],
    answers: Annotated[Path, typer.Option(help="JSONL with id, answer, letters and keys to group by; or EgoCross's.")],
    by: Annotated[str | None, typer.Option(help="Also by the values of this key: label, type, identity, ...")] = None,
    questions: Annotated[
        Path | None, typer.Option(help="EgoCross's questions, for category and type; by default beside ANSWERS.")
    ] = None,
    against: Annotated[Path | None, typer.Option(help="Compare each file with this one, question by question.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
) -> None:
    """Accuracy with 95 % intervals; a question without an answer is wrong and counted.

    Example: firsthand eval score sft.jsonl grpo.jsonl --answers heldout.jsonl --by label --against base.jsonl

    Example: firsthand eval score egocross lora.jsonl --answers egocross_testbed_answers.json --against submission.zip
    """
    from firsthand.evals.egocross import owner_files
    from firsthand.evals.rows import NO_GROUP, Gold, Prediction, read_rows
    from firsthand.evals.score import compare
    from firsthand.evals.score import score as score_one

    official = str(predictions[0]) == commands_run.EGOCROSS
    predictions = predictions[1:] if official else predictions
    if not predictions:
        raise UserError("name a file of answers behind `egocross`")
    gold = owner_files.read_answers(answers, questions) if official else read_rows(answers, Gold)
    groups = [key for key in owner_files.GROUPS if any(row.group(key) != NO_GROUP for row in gold.values())]
    files = dict.fromkeys([*predictions, *([against] if against else [])])
    if len({path.stem for path in files}) < len(files):
        raise UserError("two files of answers share a name; a model is called by the name of its file")
    runs = {path: owner_files.read_predictions(path) if official else read_rows(path, Prediction) for path in files}
    scores = [
        score_one(path.stem, rows, gold, by or (groups if official else None), "video" if official else None)
        for path, rows in runs.items()
    ]
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


@app.command()
def crossval(
    recipes: Annotated[list[Path], typer.Argument(help="Recipes of llamafactory-cli train, one a candidate.")],
    out: Annotated[Path, typer.Option(help="Folds, models, answers, table; run again to resume.")],
    rows: Annotated[Path, typer.Option(help="Questions with answers.")] = Path("datasets/egocross_support/eval.jsonl"),
    media_root: Annotated[Path | None, typer.Option(help="By default `media` beside ROWS.")] = None,
    folds: Annotated[int, typer.Option(min=2, help="All questions of a video are in one fold.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the folds.")] = 0,
    asking: Annotated[str, typer.Option(help="Options of `firsthand eval run`, in one string.")] = "",
) -> None:
    """Train each recipe once a fold, ask what was held out, and compare with the base model: no test set is touched.

    Every fold keeps its model on disk (10 GB for 4 B parameters).

    Example: firsthand eval crossval recipes/egocross/sft_lora.yaml recipes/egocross/sft.yaml --out runs/crossval
    """
    import shlex

    from rich.console import Console

    from firsthand.data.questions import read_questions
    from firsthand.evals.crossval import Setting
    from firsthand.evals.crossval import crossval as cross_validate
    from firsthand.evals.tables import print_scores

    root = media_root or rows.parent / "media"
    setting = Setting(out, root, shlex.split(asking), Console())
    print_scores(*cross_validate(list(read_questions(rows).values()), recipes, folds, seed, setting))


def _as_json(scores: list, comparisons: list) -> str:
    from json import dumps

    return dumps(
        {
            "table": [row.model_dump() | {"accuracy": row.accuracy, "interval": row.interval} for row in scores],
            "comparisons": [row.model_dump() for row in comparisons],
        },
        indent=1,
    )
