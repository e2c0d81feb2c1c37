"""`firsthand eval run ego_r1_bench` and its like, and `firsthand eval table`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from firsthand.errors import UserError
from firsthand.evals.benchmarks import SUITE, Benchmark

if TYPE_CHECKING:
    from firsthand.evals.agents.run_folder import Folder

AGENT, SUMMARY, COST = "The agent", "A summary model", "Work and price"


class DialectName(StrEnum):
    EGO_R1 = "ego_r1"
    NATIVE = "native"


def help_of(benchmark: Benchmark) -> str:
    return f"""{benchmark.about}

    An agent on a chat server answers with its tools; --out gets its episodes, results.json and results.md. Run again
    with the same --out to go on, to add --no-tools or --summary, or to ask again what failed. Exit code 1 when any
    question has no episode.

    Example: firsthand eval run {benchmark.name} --agent agent --server http://127.0.0.1:8000 --loop
    {benchmark.loop} --out runs/{benchmark.name}/agent"""


def run(
    ctx: typer.Context,
    agent: Annotated[str, typer.Option(help="The name under which the server serves the agent.")],
    server: Annotated[str, typer.Option(help="Base URL of an OpenAI-compatible server; launch/serve_ego_r1.sh.")],
    out: Annotated[Path, typer.Option(help="Folder of this run.")],
    loop: Annotated[
        Path | None,
        typer.Option(help="The agent loops of its training, such as recipes/toy/loop.yaml: tools, turns, budget."),
    ] = None,
    tools: Annotated[
        Path | None, typer.Option(help="YAML of tools, for example recipes/ego_r1/tools/egolife.yaml, without --loop.")
    ] = None,
    no_tools: Annotated[
        bool, typer.Option("--no-tools", help="Switched off: what the agent answers by itself, shown beside.")
    ] = False,
    questions: Annotated[
        Path | None, typer.Option(help="Rows of `firsthand data build`; by default datasets/<benchmark>/eval.jsonl.")
    ] = None,
    key_env: Annotated[str | None, typer.Option(help="Environment variable with the server's key.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many questions.")] = None,
    dialect: Annotated[
        DialectName | None,
        typer.Option(help="Its tags; by default those that the rows are written for.", rich_help_panel=AGENT),
    ] = None,
    functions: Annotated[
        bool,
        typer.Option("--functions", help="Calls in the API's own form, for models of others.", rich_help_panel=AGENT),
    ] = False,
    turns: Annotated[
        int | None,
        typer.Option(min=1, help="Of the agent, the last one without tools included.", rich_help_panel=AGENT),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=1.0, help="Of an episode; 600 without --loop.", rich_help_panel=AGENT)
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Of a turn; 1024 without --loop.", rich_help_panel=AGENT)
    ] = None,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 is greedy.", rich_help_panel=AGENT)] = 0.0,
    top_p: Annotated[float, typer.Option(min=0.01, max=1.0, rich_help_panel=AGENT)] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the server's sampling.", rich_help_panel=AGENT)] = 0,
    summary: Annotated[
        str | None, typer.Option(help="It answers where the agent gave no letter.", rich_help_panel=SUMMARY)
    ] = None,
    summary_server: Annotated[
        str | None, typer.Option(help="By default the agent's own.", rich_help_panel=SUMMARY)
    ] = None,
    summary_key_env: Annotated[
        str | None, typer.Option(help="Environment variable with its key.", rich_help_panel=SUMMARY)
    ] = None,
    summary_all: Annotated[
        bool, typer.Option("--summary-all", help="And every other question too.", rich_help_panel=SUMMARY)
    ] = False,
    price: Annotated[
        tuple[float, float] | None,
        typer.Option(help="US dollars for a million tokens of the agent, read and written.", rich_help_panel=COST),
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Questions in flight at once.", rich_help_panel=COST)] = 8,
    retries: Annotated[
        int, typer.Option(min=0, help="After connection faults, 429 and 5xx.", rich_help_panel=COST)
    ] = 6,
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds for one turn.", rich_help_panel=COST)] = 600.0,
) -> None:
    from itertools import islice

    from rich.console import Console

    from firsthand.data.questions import read_questions
    from firsthand.evals.agents.ask import Agent, Pace, ask, in_dialect
    from firsthand.evals.agents.run_folder import Folder, read
    from firsthand.evals.agents.summary import summarise
    from firsthand.files import read_text
    from firsthand.llm.client import Settings
    from firsthand.rollout.episodes import Episode
    from firsthand.rollout.loop_file import Loop, read_loop
    from firsthand.rollout.prompt import STYLES
    from firsthand.rollout.turn_text import Dialect
    from firsthand.tools import config
    from firsthand.tools.backends.openai import Price
    from firsthand.tools.toolbox import Toolbox

    benchmark = SUITE[ctx.info_name or ""]
    if bool(loop or no_tools) == bool(tools):
        raise UserError("say --loop FILE or --tools FILE, or --no-tools (with --loop too) to have them switched off")
    if summary is None and (summary_server or summary_all):
        raise UserError("--summary MODEL is missing: which model reads the episodes?")
    if summary and no_tools:
        raise UserError("--summary reads what was done with tools: run it without --no-tools")
    rows = dict(islice(read_questions(questions or benchmark.questions).items(), limit))
    wanted: Dialect | None = "native" if functions or dialect is DialectName.NATIVE else "ego_r1" if dialect else None
    asked, spoken = in_dialect(list(rows.values()), wanted)
    own = (
        read_loop(loop, STYLES[asked[0].style].agent)
        if loop
        else Loop(dialect=spoken, turns=benchmark.turns, turn_tokens=1024)
    )
    tools = tools or own.toolbox
    if no_tools and spoken != "native":
        tools = None  # the system prompt of the other dialect describes its tools itself
    elif loop and not tools:
        fix = "add `toolbox: recipes/ego_r1/tools/egolife.yaml`"
        raise UserError(f"{loop}: the loop of {spoken} names no toolbox; {fix}")
    toolbox = config.load(tools) if tools else Toolbox([])
    folder = Folder(out)
    folder.begin(benchmark.name, {question.id: question for question in asked}, read_text(tools) if tools else None)
    pace = Pace(concurrency, retries, timeout)
    most = max_tokens or own.turn_tokens
    sampling = {"temperature": temperature, "top_p": top_p, "max_tokens": most, "seed": seed}
    limits = own.limits(turns, seconds)
    paid = Price(prompt=price[0], completion=price[1]) if price else None
    asking = Agent(agent, server, limits, own.budget, spoken, functions, sampling, paid, pace, _key(key_env))
    found = ask(asked, asking, toolbox, folder.no_tools if no_tools else folder.episodes, off=no_tools)
    failed = dict(found.failed)
    if summary:
        reader = Settings(model=summary, max_tokens=most, seed=seed)
        episodes = read(folder.episodes, Episode).values()
        read_by = summarise(
            episodes,
            folder.summary,
            summary_server or server,
            reader,
            everything=summary_all,
            pace=pace,
            key=_key(summary_key_env or (None if summary_server else key_env)),
        )
        failed |= {f"{key} (summary)": why for key, why in read_by.failed.items()}
    write([folder], folder.path / "results")
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if found.torn:
        console.print(f"{out} ended in half a row (an earlier run was killed); it was dropped and asked again")
    console.print(f"{found.asked} asked, {found.resumed} from earlier runs, {len(found.failed)} failed -> {out}")
    for key, why in failed.items():
        console.print(f"failed {key}: {why}", style="red")
    if failed:
        raise typer.Exit(1)


def table(
    runs: Annotated[
        list[Path], typer.Argument(help="Folders of `firsthand eval run`; others are compared with the first.")
    ],
    out: Annotated[Path | None, typer.Option(help="Also write OUT.json and OUT.md.")] = None,
) -> None:
    """Runs of agents side by side, counted again from their folders, and compared question by question.

    Example: firsthand eval table runs/ego_r1_bench/sft runs/ego_r1_bench/grpo --out runs/ego_r1_bench/sft_grpo
    """
    from firsthand.evals.agents.run_folder import Folder

    write([Folder(path) for path in runs], out)


def _key(variable: str | None) -> str | None:
    from firsthand.tools import keys

    return keys.read([variable])[0] if variable else None


def write(folders: "list[Folder]", out: Path | None) -> None:
    """Prints the tables; with `out`, they go to out.json and out.md too."""
    from rich.console import Console

    from firsthand.evals.agents import results, tables
    from firsthand.files import write_json, write_text

    if len({folder.name for folder in folders}) < len(folders):
        raise UserError("two folders share a name; a run is called by the name of its folder")
    found, compared = [results.results(folder) for folder in folders], results.comparisons(folders)
    if out:
        runs, pairs = [row.model_dump() for row in found], [row.model_dump() for row in compared]
        write_json(f"{out}.json", {"runs": runs, "comparisons": pairs})
        write_text(f"{out}.md", tables.markdown(found, compared))
    tables.show(found, compared, Console(highlight=False, markup=False))
