"""`firsthand chat`: one command, a conversation."""

from pathlib import Path
from typing import Annotated

import typer

from firsthand.question import StyleName
from firsthand.rollout.prompt import AGENT_STYLES

app = typer.Typer()


@app.command()
def chat(
    agent: Annotated[str, typer.Option(help="The model, as its server names it.")],
    server: Annotated[str, typer.Option(help="Any OpenAI-compatible server; a key comes from VLLM_API_KEY.")],
    loop: Annotated[
        Path | None,
        typer.Option(help="The agent loops of its training, such as recipes/toy/loop.yaml: tools, turns, budget."),
    ] = None,
    tools: Annotated[
        Path | None, typer.Option(help="YAML of tools, for example recipes/toy/tools.yaml, without --loop.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Whose week, or which video: A1_JAKE, or a video id.")] = None,
    query_time: Annotated[
        str | None, typer.Option(help="When you ask, DAYx_HHMMSSFF; `end`: the whole video may be seen.")
    ] = None,
    style: Annotated[StyleName, typer.Option(help=f"How it was taught: {', '.join(AGENT_STYLES)}.")] = "ego_r1",
    functions: Annotated[
        bool, typer.Option("--functions", help="Calls in the API's own form, for models that we did not train.")
    ] = False,
    turns: Annotated[
        int | None, typer.Option(min=1, help="Turns of the agent for one question; 9 without --loop.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=16, help="Tokens of one turn; 1024 without --loop.")] = None,
    temperature: Annotated[float, typer.Option(min=0.0)] = 0.0,
    frames: Annotated[Path, typer.Option(help="Folder for the frames that tools find.")] = Path("outputs/chat"),
) -> None:
    """Talk with an agent about a week of video, and watch it call its tools.

    Its words appear as they arrive, and its calls with their arguments, outcome, time and frames. Ctrl-C stops an
    answer, and /help lists what else can be typed. Questions can be piped in, one per line.

    Example: firsthand chat --agent agent --server http://127.0.0.1:8000/v1 --loop recipes/toy/loop.yaml
    --source A1_JAKE --query-time DAY3_12000000
    """
    import asyncio
    import io
    import sys

    from rich.console import Console

    from firsthand.chat.screen import Screen
    from firsthand.chat.session import Session
    from firsthand.chat.shell import Shell
    from firsthand.errors import UserError
    from firsthand.llm import keys
    from firsthand.llm.client import check_server, connect
    from firsthand.rollout.chat_policy import check_functions
    from firsthand.rollout.episodes import AgentSettings
    from firsthand.rollout.loop_file import Loop, read_loop
    from firsthand.rollout.prompt import STYLES, style_of
    from firsthand.tools import config
    from firsthand.tools.scope import Scope

    if style not in AGENT_STYLES:
        raise UserError(f"--style {style} has no tools; choose one of {', '.join(AGENT_STYLES)}")
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # a line that is not UTF-8 must not end the conversation
    if sys.stdin.isatty():
        import readline  # noqa: F401  (arrows and the history of `input`)
    if bool(loop) == bool(tools):
        raise UserError("give --loop FILE or --tools FILE")
    if functions:
        style = style_of("native")
    spoken = STYLES[style]
    own = read_loop(loop, spoken.agent) if loop else Loop(toolbox=tools, dialect=spoken.dialect, turn_tokens=1024)
    if own.toolbox is None:
        raise UserError(f"{loop}: the loop {own.name} names no toolbox; add `toolbox: recipes/toy/tools.yaml`")
    keys.remember_address(server)
    client, toolbox, screen = connect(server, retries=2), config.load(own.toolbox), Screen(Console(), frames)
    if functions:
        check_functions(toolbox.names)
    sampling = {"max_tokens": max_tokens or own.turn_tokens, "temperature": temperature}
    settings = AgentSettings(
        model=agent, dialect=spoken.dialect, limits=own.limits(turns), sampling=sampling, functions=functions,
        budget=own.budget,
    )  # fmt: skip
    session = Session(client, settings, style, toolbox, screen, Scope.of(source, query_time))
    with asyncio.Runner() as runner:
        runner.run(check_server(client, agent))
        screen.say(f"{agent} with {', '.join(toolbox.names)}; /help", "dim")
        try:
            Shell(session, screen).run(runner)
        finally:
            runner.run(toolbox.close())
            runner.run(client.close())
