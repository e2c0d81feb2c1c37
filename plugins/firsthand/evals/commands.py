"""`firsthand eval`: ask a model held-out questions, score what it answered, and choose between models by folds."""

import inspect
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from firsthand.errors import UserError
from firsthand.evals import result_commands
from firsthand.evals.benchmarks import SUITE, Benchmark
from firsthand.evals.judge.commands import judge
from firsthand.evals.submissions import commands as submissions
from firsthand.evals.ways import ANSWER, CHANGED, Agent, AsWritten, Run, options

if TYPE_CHECKING:
    from firsthand.evals.run_folder import Folder
    from firsthand.llm.ask_many import Summary

app = typer.Typer(
    no_args_is_help=True, help="Ask a model held-out questions, score the answers, choose models by folds."
)


class Benchmarks(TyperGroup):
    """The benchmarks by name; a path is a benchmark too: the questions of that file."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        from firsthand.evals.run_folder import of_file

        if found := super().get_command(ctx, cmd_name):
            return found
        return _click_command(of_file(Path(cmd_name))) if cmd_name.endswith(".jsonl") else None


runs = typer.Typer(
    cls=Benchmarks,
    no_args_is_help=True,
    help="Answer a benchmark, or the questions of a FILE.jsonl: with what is shown, or as an agent with tools.",
)
app.add_typer(runs, name="run")
app.add_typer(result_commands.app)
app.add_typer(submissions.app, name="submit")


def _command(benchmark: Benchmark) -> Callable[..., None]:
    """`firsthand eval run NAME`, whose options are the fields of `Run` and of the benchmark's way of asking."""

    def run(**given: Any) -> None:
        common = {field.name: given.pop(field.name) for field in fields(Run)}
        execute(replace(benchmark, ask=replace(benchmark.ask, **given)), Run(**common))

    return _taking(run, options(Run) | options(type(benchmark.ask)), Run, benchmark.ask)


def _taking(command: Callable[..., None], chosen: dict[str, Any], *defaults: object) -> Callable[..., None]:
    """The command with these options after its own; one without a default must be given."""
    own = list(inspect.signature(command).parameters.values())[:-1]  # without **given
    known = {name: getattr(each, name) for each in defaults for name in chosen if hasattr(each, name)}
    parameters = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=known.get(name, inspect.Parameter.empty), annotation=option
        )
        for name, option in chosen.items()
    ]
    command.__signature__ = inspect.Signature([*own, *parameters])  # type: ignore[attr-defined]
    command.__annotations__ |= chosen
    return command


def _help(benchmark: Benchmark) -> str:
    example = f"firsthand eval run {benchmark.name} --model MODEL --out runs/{benchmark.name}/MODEL"
    if isinstance(benchmark.ask, Agent):
        example += f" --loop {benchmark.ask.example_loop}"
    return f"""{benchmark.about}

    --out gets the answers, results.json and results.md. Run again with the same --out to go on, or to ask again what
    failed. Exit code 1 when any question has no answer.

    Example: {example}"""


def _click_command(benchmark: Benchmark) -> Any:
    one = typer.Typer(add_completion=False)
    one.command(benchmark.name, help=_help(benchmark))(_command(benchmark))
    return typer.main.get_command(one)


for _benchmark in SUITE.values():
    runs.command(_benchmark.name, help=_help(_benchmark))(_command(_benchmark))


def execute(benchmark: Benchmark, run: Run) -> None:
    from firsthand.evals.run import answer

    folder, summary = answer(benchmark, run)
    write([folder], folder.path / "results")
    letters = any(row.get("letters", "ABCD") for row in folder.questions.values())
    tell(summary, folder.column(getattr(benchmark.ask, "column", ANSWER)), run.out, letters)


def tell(summary: "Summary", answers: Path, out: Path, letters: bool = True) -> None:
    """What was asked, and what failed; exit code 1 then. Of open questions no `letters` are counted."""
    from rich.console import Console

    from firsthand.files import read_jsonl

    console = Console(highlight=False, markup=False, soft_wrap=True)
    if summary.torn:
        console.print(f"{out} ended in half a row (an earlier run was killed); it is in {out}.torn and was asked again")
    line = f"{summary.asked} asked, {summary.resumed} from earlier runs, {len(summary.failed)} failed"
    rows = list(read_jsonl(answers)) if answers.is_file() else []
    if rows and "letter" in rows[0]:
        unread = f"{sum(row['letter'] is None for row in rows)} without a letter, " if letters else ""
        cut = sum(row["finish_reason"] == "length" for row in rows)
        line += f"; of all answers {unread}{cut} cut off by --max-tokens"
    console.print(f"{line} -> {out}")
    for key, why in summary.failed.items():
        console.print(f"failed {key}: {why}", style="red")
    if summary.failed:
        raise typer.Exit(1)


def write(folders: "list[Folder]", out: Path | None) -> None:
    """Prints the tables; with `out`, they go to out.json and out.md too."""
    from rich.console import Console

    from firsthand.evals import orders, results, tables
    from firsthand.files import write_json, write_text

    if len({folder.name for folder in folders}) < len(folders):
        raise UserError("two folders share a name; a run is called by the name of its folder")
    found, compared = [results.results(folder) for folder in folders], results.comparisons(folders)
    gaps = orders.gaps(folders, found)
    more = [orders.grid(gaps)] if gaps else []
    if out:
        rows, pairs = [row.model_dump() for row in found], [row.model_dump() for row in compared]
        by_order = {"orders": [gap.model_dump() for gap in gaps]} if gaps else {}
        write_json(f"{out}.json", {"runs": rows, "comparisons": pairs, **by_order})
        write_text(f"{out}.md", tables.markdown(found, compared, more))
    tables.show(found, compared, Console(highlight=False, markup=False), more)


app.command()(judge)


@app.command()
def table(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of `eval run`; others are compared with the first. A name before them: "
            "ego3s, ego_r1, egocross, video_r1 or open_r1_video."
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="Also write OUT.json and OUT.md.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Of a published table: ask this model each benchmark of it whose rows are there.")
    ] = None,
    server: Annotated[str | None, typer.Option(help="That serves it; without, MODEL is a folder.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="By whose video_* keys its video files are sampled.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N questions of each.")] = None,
) -> None:
    """Runs side by side and compared question by question, or below the numbers that others published.

    With the name of a published table and no folders, the runs below `runs/` are taken; with --model, what has its rows
    is asked first, into runs/BENCHMARK/MODEL.

    Example: firsthand eval table runs/ego_r1_bench/sft runs/ego_r1_bench/grpo --out runs/ego_r1_bench/sft_grpo

    Example: firsthand eval table ego_r1 runs/ego_r1_bench/grpo runs/egolife_qa/grpo

    Example: firsthand eval table ego3s --model runs/sft/merged --recipe recipes/sft_qwen3vl.yaml
    """
    from firsthand.evals.published import tables as published
    from firsthand.evals.run_folder import Folder

    facts = published.named(runs[0])
    if facts is None:
        write([Folder(path) for path in runs], out)
        return
    if model:
        run_what_is_there(facts.benchmarks, Run(Path("runs"), server, model, limit=limit), recipe)
    ours = [Folder(path) for path in runs[1:]] or published.runs_below(Path("runs"), facts)
    grids, notes = published.grids(facts, ours), published.notes(facts, ours)
    result_commands.say(facts.title, grids, notes, out, [grid._asdict() for grid in grids])


def run_what_is_there(names: list[str], run: Run, recipe: Path | None) -> None:
    """Each benchmark whose rows are there, with its own defaults; what failed is listed, and stops nothing."""
    for benchmark in map(SUITE.__getitem__, names):
        if not benchmark.questions.is_file():
            continue
        own: dict[str, Any] = {"recipe": recipe} if isinstance(benchmark.ask, AsWritten) else {}
        if isinstance(benchmark.ask, Agent):
            own = {"loop": Path(benchmark.ask.example_loop)}
        out = run.out / benchmark.name / Path(run.model or "").name
        try:
            execute(replace(benchmark, ask=replace(benchmark.ask, **own)), replace(run, out=out))
        except typer.Exit:
            typer.echo(f"{benchmark.name}: some questions have no answer; run this command again to ask them")


def ask(
    file: Annotated[Path, typer.Argument(help="JSONL of questions: id, messages, letters; media by path.")],
    server: Annotated[str, typer.Option(help="Base URL of an OpenAI-compatible server.")],
    model: Annotated[str, typer.Option(help="The name under which the server serves the model.")],
    out: Annotated[Path, typer.Option(help="JSONL of answers; run again with the same file to resume.")],
    **given: Any,
) -> None:
    """Ask every question of a file once, into one file of answers without a table; `eval run FILE.jsonl` makes both.

    Example: firsthand eval ask heldout.jsonl --server http://localhost:8000 --model grpo --out runs/grpo.jsonl
    """
    import asyncio

    from firsthand.evals.single_turn import as_written
    from firsthand.llm.ask_many import Pace

    way, seed = AsWritten(**{name: given.pop(name) for name in _as_written}), given.pop("seed")
    settings = as_written.FrameSettings.of_way(way, model, seed)
    pace, root = Pace(**given), way.media_root or file.parent
    questions = as_written.prompted(file, as_written.rows_of(file, way.style), way.recipe)
    asking = as_written.ask(questions, out, server, settings, media_root=root, recipe=way.recipe, pace=pace)
    tell(asyncio.run(asking), out, out)


_as_written = {name: option for name, option in options(AsWritten).items() if name not in CHANGED}
_shared = {name: options(Run)[name] for name in ("concurrency", "retries", "timeout", "patience", "seed")}
app.command()(_taking(ask, _as_written | _shared, Run, AsWritten))


@app.command()
def score(
    predictions: Annotated[list[Path], typer.Argument(help="Files of answers, one per model; `egocross` before them.")],
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
    from json import dumps

    from firsthand.evals.files import scores_of_files
    from firsthand.evals.score import as_json
    from firsthand.evals.tables import print_scores

    benchmark = SUITE.get(str(predictions[0]))
    given = predictions[1:] if benchmark else predictions
    if not given:
        raise UserError(f"name a file of answers behind `{predictions[0]}`")
    scores, comparisons = scores_of_files(benchmark, given, answers, questions, against, by, seed)
    if json:
        typer.echo(dumps(as_json(scores, comparisons), indent=1))
    else:
        print_scores(scores, comparisons)


@app.command()
def crossval(
    recipes: Annotated[list[Path], typer.Argument(help="Recipes of llamafactory-cli train or of veRL, one each.")],
    out: Annotated[Path, typer.Option(help="Folds, models, answers, table; run again to resume.")],
    rows: Annotated[Path, typer.Option(help="Questions with answers.")] = Path("datasets/egocross_support/eval.jsonl"),
    media_root: Annotated[Path | None, typer.Option(help="By default `media` beside ROWS.")] = None,
    folds: Annotated[int, typer.Option(min=2, help="All questions of a video are in one fold.")] = 5,
    seed: Annotated[int, typer.Option(help="Seed of the folds.")] = 0,
    asking: Annotated[str, typer.Option(help="Options of `firsthand eval run`, in one string.")] = "",
) -> None:
    """Train each recipe once per fold, ask what was held out, and compare with the base model: no test set is touched.

    Every fold keeps its model on disk (10 GB for 4 B parameters). A veRL recipe learns from a fold's share of its own
    `data.train_files`, and is asked in their words with room for a thought; so is the base model beside it.

    Example: firsthand eval crossval recipes/egocross/sft_lora.yaml recipes/egocross/sft.yaml --out runs/crossval
    """
    import shlex

    from firsthand.data.questions import read_questions
    from firsthand.evals.crossval import Setting
    from firsthand.evals.crossval import crossval as cross_validate
    from firsthand.evals.tables import print_scores

    setting = Setting(out, media_root or rows.parent / "media", shlex.split(asking))
    print_scores(*cross_validate(list(read_questions(rows).values()), recipes, folds, seed, setting))
