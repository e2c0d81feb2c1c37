"""`firsthand cott`: chains of tool calls, from a teacher to training rows."""

from pathlib import Path
from typing import Annotated

import typer

from firsthand.errors import UserError
from firsthand.files import spare

app = typer.Typer(
    no_args_is_help=True,
    help="Chains of tool calls: a teacher writes them, rules keep the good ones, training rows come out.",
)


@app.command()
def generate(
    config: Annotated[Path, typer.Argument(help="Questions, tools and teacher: for example recipes/toy/teach.yaml.")],
) -> None:
    """Let a teacher answer questions with tools, and record every step.

    After an interruption, start it again: answered questions are not asked again. Questions whose teacher failed are
    listed in OUT.errors.jsonl, and the next run asks them again; the exit code is then 1.

    Example: firsthand cott generate recipes/toy/teach.yaml
    """
    import asyncio

    from firsthand.chains.config import Config
    from firsthand.chains.generate import generate as run
    from firsthand.tools.settings import read_as

    settings = read_as(Config, config)
    summary = asyncio.run(run(settings))
    typer.echo(
        f"{summary.asked} chains now, {summary.resumed} before; {summary.correct} of {summary.known} right; "
        f"{summary.faults} calls of tools failed; "
        f"{'price unknown' if summary.cost is None else f'{summary.cost:.2f} US dollars'} -> {settings.out}"
    )
    if summary.failed:
        typer.echo(f"{len(summary.failed)} questions have no chain ({settings.out}.errors.jsonl); run it again")
        raise typer.Exit(1)


Chains = Annotated[list[Path], typer.Argument(help="Files of chains, as `generate` or `filter` writes them.")]


@app.command("filter")
def filter_(
    chains: Chains,
    out: Annotated[Path, typer.Option(help="Where the good chains go; OUT.dropped.jsonl lists the others.")],
    min_calls: Annotated[int, typer.Option(min=0, help="Rule calls: least number of tool calls.")] = 1,
    max_calls: Annotated[int, typer.Option(min=0, help="Rule calls: greatest number of tool calls.")] = 7,
    without: Annotated[
        list[Path] | None, typer.Option(help="Rule benchmark: questions (an eval.jsonl) to keep out; may be repeated.")
    ] = None,
    datasets: Annotated[Path, typer.Option(help="Rule benchmark: the guards of test sets below this folder.")] = Path(
        "datasets"
    ),
    skip: Annotated[list[str] | None, typer.Option(help="A rule to leave out; may be repeated.")] = None,
    guess_server: Annotated[
        str | None, typer.Option(help="Rule guess: an OpenAI-compatible server to ask; its key in VLLM_API_KEY.")
    ] = None,
    guess_model: Annotated[str | None, typer.Option(help="Rule guess: the model there.")] = None,
    guess_times: Annotated[int, typer.Option(min=1, help="Rule guess: how often a bare question is asked.")] = 4,
    guesses: Annotated[Path | None, typer.Option(help="Rule guess: its answers (default: OUT.guesses.jsonl).")] = None,
) -> None:
    """Keep the chains that can be learnt from; list every other one with the rule that dropped it and why.

    Rules, in this order: duplicate (id or words), benchmark (a test's question, or not of the train split),
    answer (wrong or none), calls (too few or too many), unreadable (a turn was no call, or refused), faults (a tool was
    down), mismatch (the thought names another tool than the call), thoughts (a turn has none), guess (with
    --guess-server: a model that is asked the bare question several times is right every time).

    Example: firsthand cott filter outputs/cott/toy.jsonl --out outputs/cott/toy_good.jsonl --max-calls 9
    """
    from firsthand.chains import chain, filter, rules
    from firsthand.chains import guesses as guessing
    from firsthand.data.leaks.guard import load
    from firsthand.data.questions import read_questions

    if unknown := set(skip or ()) - set(rules.NAMES):
        raise UserError(f"--skip {unknown.pop()}: no such rule; rules: {', '.join(rules.NAMES)}")
    if bool(guess_server) != bool(guess_model):
        raise UserError("the rule guess needs --guess-server and --guess-model")
    spare(chains, out)
    tests = [question for path in without or () for question in read_questions(path).values()]
    settings = rules.Settings(min_calls, max_calls, tests, load(datasets))
    guessed = None
    if guess_server and guess_model and "guess" not in (skip or ()):
        cache = guesses or Path(f"{out}.guesses.jsonl")
        guessed = guessing.asker(guess_server, guess_model, cache, guess_times)
    result = filter.filter_chains(chain.read_chains(chains), settings, skip or (), guessed)
    for rule in rules.NAMES:
        typer.echo(f"{result.counts[rule]:>7}  {rule}{' (left out)' if rule in (skip or ()) else ''}")
    if not result.kept:
        first = "; the first: {id}: {rule}: {why}".format_map(result.dropped[0]) if result.dropped else ""
        raise UserError(f"no chain is left, and nothing was written{first}")
    dropped = filter.write(result, out)
    typer.echo(f"{len(result.kept):>7}  kept -> {out}; the {len(result.dropped)} others are listed in {dropped}")


@app.command()
def stats(
    chains: Chains,
    html: Annotated[Path | None, typer.Option(help="Write a page with the figures here.")] = None,
    title: Annotated[str, typer.Option(help="The page's title.")] = "Chains of tool calls",
) -> None:
    """How often chains are right, how long they are, which tools they use, and what they cost.

    Example: firsthand cott stats outputs/cott/toy.jsonl --html outputs/cott/toy.html
    """
    from firsthand.chains.chain import read_chains
    from firsthand.chains.show import show, write_page
    from firsthand.chains.stats import measure

    spare(chains, html)
    found = measure(chain.episode for chain in read_chains(chains))
    if not found.chains:
        raise UserError(f"{', '.join(map(str, chains))}: no chains in there")
    show(found)
    if html:
        write_page(found, title, html)
        typer.echo(f"-> {html}")


@app.command()
def convert(
    chains: Chains,
    sft: Annotated[Path | None, typer.Option(help="LLaMA-Factory's rows: whole conversations (.json).")] = None,
    rl: Annotated[Path | None, typer.Option(help="veRL's rows: the questions (.parquet).")] = None,
    raw: Annotated[Path | None, typer.Option(help="A folder for Ego-R1's raw form, one file per person.")] = None,
    style: Annotated[str, typer.Option(help="The agent's prompt: ego_r1, ego_r1_brief or ego_r1_native.")] = "ego_r1",
    tools: Annotated[Path | None, typer.Option(help="For ego_r1_native: the tools YAML of the agent.")] = None,
    register: Annotated[
        str | None, typer.Option(help="Write an entry of this name for --sft into dataset_info.json.")
    ] = None,
) -> None:
    """Turn chains into training rows, in the dialect of the agent that will learn from them.

    Chains that cannot be learnt from are listed and the others are written; the exit code is then 1. Filter first.

    Example: firsthand cott convert outputs/cott/toy_good.jsonl --sft datasets/my_cott/sft.json --register my_cott
    """
    from firsthand.chains import convert as converting
    from firsthand.chains.chain import read_chains
    from firsthand.rollout.prompt import AGENT_STYLES, STYLES
    from firsthand.tools.config import load

    if style not in AGENT_STYLES:
        raise UserError(f"--style {style}: not a style of agents; choose {', '.join(AGENT_STYLES)}")
    if not (sft or rl or raw):
        raise UserError("nothing to write: give --sft, --rl or --raw")
    if rl and rl.suffix != ".parquet":
        raise UserError(f"--rl {rl}: veRL reads .parquet")
    if register and not sft:
        raise UserError("--register needs --sft: the registry is LLaMA-Factory's")
    spare(chains, sft, rl, *(raw.glob("*.json") if raw else ()))
    native = STYLES[style].dialect == "native"
    if native and not tools:
        raise UserError("the native dialect describes its tools in every row: give --tools, the agent's tools YAML")
    schemas = load(tools).schemas() if native and tools else None
    described = converting.entry(sft, native) if register and sft else None
    done = converting.convert(read_chains(chains), style, sft=sft, rl=rl, raw=raw, tools=schemas)
    if register and described:
        converting.register(register, described)
    typer.echo(f"{done.chains} chains with {done.steps} calls about {done.questions} questions")
    if done.shortened:
        typer.echo(f"{done.shortened} of them had turns that could not be read; these turns are left out")
    for line in done.left_aside:
        typer.echo(f"left aside: {line}")
    if done.left_aside:
        raise typer.Exit(1)
