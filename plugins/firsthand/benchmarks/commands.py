"""`firsthand eval`: ask a model held-out questions, score what it answered, and choose between models by folds."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from firsthand.errors import UserError

if TYPE_CHECKING:
    from firsthand.evals.ask import Summary

app = typer.Typer(
    no_args_is_help=True, help="Ask a model held-out questions, score the answers, choose models by folds."
)


class Benchmark(StrEnum):
    EGOCROSS = "egocross"


class Method(StrEnum):
    LETTER = "letter"
    LOGPROB = "logprob"
    PAIRWISE = "pairwise"


class Prompts(StrEnum):
    PLAIN = "plain"
    TYPED = "typed"


class Policy(StrEnum):
    UNIFORM = "uniform"
    TAIL = "tail"
    FULL = "full"


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
    _tell(summary, max_tokens, out)


@app.command()
def run(
    benchmark: Annotated[Benchmark, typer.Argument(help="Decides the default paths.")],
    out: Annotated[Path, typer.Option(help="JSONL of answers; run again with the same file to resume.")],
    server: Annotated[str | None, typer.Option(help="Base URL of an OpenAI-compatible server that is there.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Without --server: a model folder, served by vLLM meanwhile. With it: its name.")
    ] = None,
    rows: Annotated[
        Path | None, typer.Option(help="Questions; by default datasets/<benchmark>_test/eval.jsonl.")
    ] = None,
    media_root: Annotated[
        Path | None, typer.Option(help="Frames are below this folder; by default `media` beside ROWS.")
    ] = None,
    method: Annotated[
        Method, typer.Option(help="The letter it writes, the letters' probabilities, or all pairs of options.")
    ] = Method.LETTER,
    rotate: Annotated[bool, typer.Option("--rotate", help="Every rotation of the options, then a vote.")] = False,
    prompts: Annotated[
        Prompts, typer.Option(help="As in training, or with advice for the type of question.")
    ] = Prompts.PLAIN,
    frames: Annotated[
        Policy, typer.Option(help="Over the whole clip, half of them at its end, or all of them.")
    ] = Policy.UNIFORM,
    max_frames: Annotated[int, typer.Option(min=1, help="Frames of a question, unless --frames full.")] = 16,
    max_image_tokens: Annotated[int, typer.Option(min=1, help="Cap on the tokens of a question's frames.")] = 16384,
    max_pixels: Annotated[int, typer.Option(min=1, help="Of a frame: image_max_pixels of the recipe.")] = 360_000,
    min_pixels: Annotated[int, typer.Option(min=1, help="Of a frame: image_min_pixels of the recipe.")] = 50_176,
    factor: Annotated[int, typer.Option(min=1, help="Pixels along a token: Qwen3-VL 32, Qwen2.5-VL 28.")] = 32,
    video: Annotated[bool, typer.Option("--video", help="Frames as one video with its rate, as trained so.")] = False,
    by_path: Annotated[
        bool, typer.Option("--by-path", help="Send file:// URLs; the server reads them itself.")
    ] = False,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer; thinking needs thousands.")] = 16,
    max_model_len: Annotated[int | None, typer.Option(help="vLLM's, when it is started here.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Questions in flight at once.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of the server.")] = 0,
    retries: Annotated[int, typer.Option(min=0, help="Tries again after connection faults, 429 and 5xx.")] = 6,
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds to wait for one answer.")] = 600.0,
) -> None:
    """Answer a benchmark greedily; exit code 1 when any question could not be asked.

    Example: firsthand eval run egocross --model runs/sft_egocross_lora_merged --out runs/egocross/lora.jsonl
    """
    from contextlib import nullcontext

    from firsthand.benchmarks import run as runs
    from firsthand.benchmarks.answer import Plan

    rows = rows or Path(f"datasets/{benchmark}_test/eval.jsonl")
    root = (media_root or rows.parent / "media").resolve()
    questions = runs.read_questions(rows)
    if server is None and model is None:
        raise UserError("say --server URL, or --model FOLDER to have it served")
    name = model or runs.only_model(server or "")
    plan = Plan.model_validate(
        {
            "model": name, "max_tokens": max_tokens, "seed": seed, "method": method, "rotate": rotate,
            "prompts": prompts, "frames": frames, "max_frames": max_frames, "max_image_tokens": max_image_tokens,
            "max_pixels": max_pixels, "min_pixels": min_pixels, "factor": factor, "video": video,
        }
    )  # fmt: skip
    allowed = root if by_path else None
    started = runs.served(Path(name), allowed, out.with_suffix(".vllm.log"), max_model_len)
    with nullcontext(server) if server else started as url:
        summary = runs.run(
            questions, out, url, plan,
            media_root=root, by_path=by_path, concurrency=concurrency, retries=retries, timeout=timeout,
        )  # fmt: skip
    _tell(summary, max_tokens, out)


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
    from firsthand.benchmarks import egocross
    from firsthand.evals.rows import NO_GROUP, Gold, Prediction, read_rows
    from firsthand.evals.score import compare
    from firsthand.evals.score import score as score_one

    official = str(predictions[0]) == Benchmark.EGOCROSS
    predictions = predictions[1:] if official else predictions
    if not predictions:
        raise UserError("name a file of answers behind `egocross`")
    gold = egocross.read_answers(answers, questions) if official else read_rows(answers, Gold)
    groups = [key for key in egocross.GROUPS if any(row.group(key) != NO_GROUP for row in gold.values())]
    files = dict.fromkeys([*predictions, *([against] if against else [])])
    if len({path.stem for path in files}) < len(files):
        raise UserError("two files of answers share a name; a model is called by the name of its file")
    runs = {path: egocross.read_predictions(path) if official else read_rows(path, Prediction) for path in files}
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

    Example: firsthand eval crossval recipes/sft_egocross_lora.yaml recipes/sft_egocross_full.yaml --out runs/crossval
    """
    import shlex

    from rich.console import Console

    from firsthand.benchmarks.crossval import Setting
    from firsthand.benchmarks.crossval import crossval as cross_validate
    from firsthand.benchmarks.run import read_questions
    from firsthand.evals.tables import print_scores

    root = media_root or rows.parent / "media"
    setting = Setting(out, root, shlex.split(asking), Console())
    print_scores(*cross_validate(list(read_questions(rows).values()), recipes, folds, seed, setting))


def _tell(summary: "Summary", max_tokens: int, out: Path) -> None:
    from rich.console import Console

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


def _as_json(scores: list, comparisons: list) -> str:
    from json import dumps

    return dumps(
        {
            "table": [row.model_dump() | {"accuracy": row.accuracy, "interval": row.interval} for row in scores],
            "comparisons": [row.model_dump() for row in comparisons],
        },
        indent=1,
    )
