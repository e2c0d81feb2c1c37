"""A benchmark of agents: which loop, dialect and tools, then the episodes, then what a summary model makes of them."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from firsthand.data.questions import read_questions
from firsthand.errors import UserError
from firsthand.evals.agents.ask import ServedAgent, ask, in_dialect, tasks_of
from firsthand.evals.agents.forced import force
from firsthand.evals.agents.summary import summarise
from firsthand.evals.benchmarks import Benchmark
from firsthand.evals.run import server_of
from firsthand.evals.run_folder import Folder, read
from firsthand.evals.ways import Agent, DialectName, Run
from firsthand.files import read_text
from firsthand.llm import keys
from firsthand.llm.ask_many import Pace, Summary
from firsthand.llm.client import Settings
from firsthand.llm.price import Price
from firsthand.question import Question
from firsthand.rollout.episodes import Episode
from firsthand.rollout.loop_file import Loop, read_loop
from firsthand.rollout.prompt import STYLES, eval_row
from firsthand.rollout.turn_text import Dialect
from firsthand.tools import config
from firsthand.tools.toolbox import Toolbox


@dataclass(frozen=True)
class Chosen:
    """What an agent is measured with, from its options, its loop file and its rows."""

    questions: list[Question]
    dialect: Dialect
    loop: Loop
    tools: Path | None


def answer_as_agent(
    benchmark: Benchmark, way: Agent, run: Run, rows: Path, folder: Folder, pace: Pace, key: str | None
) -> Summary:
    _check(way)
    chosen = choose(way, dict(islice(read_questions(rows).items(), run.limit)))
    toolbox = config.load(chosen.tools) if chosen.tools else Toolbox([])
    yaml = read_text(chosen.tools) if chosen.tools else None
    folder.begin(benchmark.name, [eval_row(question) for question in chosen.questions], yaml)
    tokens = way.max_tokens or chosen.loop.turn_tokens
    sampling = {"temperature": way.temperature, "top_p": way.top_p, "max_tokens": tokens, "seed": run.seed}
    price = Price(prompt=way.price[0], completion=way.price[1]) if way.price else None
    with server_of(run, folder, key) as (url, name):
        agent = ServedAgent(
            name, url, chosen.loop.limits(way.turns, way.seconds), chosen.loop.budget, chosen.dialect,
            way.functions, sampling, price, pace, key,
        )  # fmt: skip
        out = folder.no_tools if way.no_tools else folder.episodes
        found: Summary = ask(chosen.questions, agent, toolbox, out, off=way.no_tools)
        if way.force:
            settings = Settings(model=name, max_tokens=1, seed=run.seed)
            silent = read(folder.no_tools, Episode)
            asked = force(tasks_of(chosen.questions, off=True), silent, folder.forced, url, settings, pace, key)
            found.failed |= asked.failed
        if way.summary:
            _read_episodes(
                way, folder, url, Settings(model=way.summary, max_tokens=tokens, seed=run.seed), pace, key, found
            )
    return found


def _check(way: Agent) -> None:
    if bool(way.loop or way.no_tools) == bool(way.tools):
        raise UserError("say --loop FILE or --tools FILE, or --no-tools (with --loop too) to have them switched off")
    if way.summary is None and (way.summary_server or way.summary_all):
        raise UserError("--summary MODEL is missing: which model reads the episodes?")
    if way.force and not way.no_tools:
        raise UserError("--force is about an agent without tools: run it with --no-tools")
    if way.summary and way.no_tools:
        raise UserError("--summary reads what was done with tools: run it without --no-tools")


def choose(way: Agent, rows: dict[str, Question]) -> Chosen:
    native = way.functions or way.dialect is DialectName.NATIVE
    wanted: Dialect | None = "native" if native else "ego_r1" if way.dialect else None
    questions, dialect = in_dialect(list(rows.values()), wanted)
    agent = STYLES[questions[0].style].agent
    own = Loop(dialect=dialect, turns=way.default_turns, turn_tokens=1024)
    loop = read_loop(way.loop, agent) if way.loop else own
    tools = way.tools or loop.toolbox
    if way.no_tools and dialect != "native":
        tools = None  # the system prompt of the other dialect describes its tools itself
    elif way.loop and not tools:
        fix = "add `toolbox: recipes/ego_r1/tools/egolife.yaml`"
        raise UserError(f"{way.loop}: the loop of {dialect} names no toolbox; {fix}")
    return Chosen(questions, dialect, loop, tools)


def _read_episodes(
    way: Agent, folder: Folder, url: str, reader: Settings, pace: Pace, key: str | None, found: Summary
) -> None:
    own_key = keys.read_one(way.summary_key_env)
    read_by = summarise(
        read(folder.episodes, Episode).values(),
        folder.summary,
        way.summary_server or url,
        reader,
        everything=way.summary_all,
        pace=pace,
        key=own_key or (None if way.summary_server else key),
    )
    found.failed |= {f"{key} (summary)": why for key, why in read_by.failed.items()}
