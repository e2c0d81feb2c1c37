"""A benchmark of agents: its loop, dialect and tools, then the episodes, then the answers of a summary model."""

import asyncio

from firsthand.errors import UserError
from firsthand.evals import seen
from firsthand.evals.agents.ask import ask, in_dialect, tasks_of
from firsthand.evals.agents.forced import force
from firsthand.evals.agents.summary import summarise
from firsthand.evals.job import Job
from firsthand.evals.run_folder import read
from firsthand.evals.ways import Agent
from firsthand.files import read_text
from firsthand.llm import keys
from firsthand.llm.ask_many import Summary
from firsthand.llm.client import Settings
from firsthand.question import Question
from firsthand.rollout.episodes import AgentSettings, Episode, Served
from firsthand.rollout.loop_file import Loop, read_loop
from firsthand.rollout.prompt import STYLES, eval_row
from firsthand.tools import config
from firsthand.tools.toolbox import Toolbox


def answer_as_agent(job: Job, way: Agent) -> Summary:
    _check(way)
    questions, loop = choose(way, job.questions())
    folder, seed, tokens = job.folder, job.run.seed, way.max_tokens or loop.turn_tokens
    toolbox = config.load(loop.toolbox) if loop.toolbox else Toolbox([])
    yaml = read_text(loop.toolbox) if loop.toolbox else None
    job.begin([eval_row(question) for question in questions], yaml, seen.of_tools(loop.toolbox))
    with job.server() as served:
        settings = AgentSettings(
            model=served.model,
            dialect=loop.dialect,
            limits=loop.limits(way.turns, way.seconds),
            sampling={"temperature": way.temperature, "top_p": way.top_p, "max_tokens": tokens, "seed": seed},
            functions=way.functions,
            budget=loop.budget,
            reading=way.reading,
        )
        found = Summary()
        for off in (False, True) if way.and_no_tools else (way.no_tools,):
            out = folder.no_tools if off else folder.episodes
            known = Toolbox([]) if off and loop.dialect != "native" else toolbox
            asking = ask(questions, served, settings, known, out, price=job.price, off=off)
            found.add(asyncio.run(asking), "without tools" if off else "")
        if way.force:
            silent = read(folder.no_tools, Episode)
            found.failed |= force(tasks_of(questions, off=True), silent, folder.forced, served, seed).failed
        if way.summary:
            reader = Settings(model=way.summary, max_tokens=tokens, seed=seed)
            episodes, everything = read(folder.episodes, Episode).values(), way.summary_all
            read_by = summarise(episodes, folder.summary, _reader(way, served), reader, everything)
            found.failed |= {f"{key} (summary)": why for key, why in read_by.failed.items()}
    return found


def _check(way: Agent) -> None:
    if bool(way.loop or way.no_tools) == bool(way.tools):
        raise UserError("say --loop FILE or --tools FILE, or --no-tools (with --loop too) to have them switched off")
    if way.summary is None and (way.summary_server or way.summary_all):
        raise UserError("--summary MODEL is missing: which model reads the episodes?")
    if way.no_tools and way.and_no_tools:
        raise UserError("--no-tools asks without tools alone, --and-no-tools both ways: say one of them")
    if way.force and not (way.no_tools or way.and_no_tools):
        raise UserError("--force is about an agent without tools: run it with --no-tools or --and-no-tools")
    if way.summary and way.no_tools:
        raise UserError("--summary reads what was done with tools: run it without --no-tools")


def choose(way: Agent, rows: list[Question]) -> tuple[list[Question], Loop]:
    """The questions in the agent's dialect, and the loop with the tools that it is measured with."""
    questions, dialect = in_dialect(rows, "native" if way.functions else way.dialect)
    agent = STYLES[questions[0].style].agent
    own = Loop(dialect=dialect, turns=way.default_turns, turn_tokens=1024)
    loop = read_loop(way.loop, agent) if way.loop else own
    tools = way.tools or loop.toolbox
    if way.no_tools and dialect != "native":
        tools = None  # the system prompt of the other dialect describes its tools itself
    elif way.loop and not tools:
        fix = "add `toolbox: recipes/ego_r1/tools/egolife.yaml`"
        raise UserError(f"{way.loop}: the loop of {dialect} names no toolbox; {fix}")
    return questions, loop.model_copy(update={"toolbox": tools, "dialect": dialect})


def _reader(way: Agent, served: Served) -> Served:
    """The server of the summary model. The agent's key goes to the agent's own server alone."""
    key = keys.read_one(way.summary_key_env) or (None if way.summary_server else served.key)
    return served._replace(url=way.summary_server or served.url, key=key)
