"""`firsthand tools`: the environment's tools for programs (HTTP, MCP, veRL) and for people."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Serve, list and call the tools over week-long video.")

TOKEN = "FIRSTHAND_TOOLS_TOKEN"
HOW = "give --source and --query-time"
Config = Annotated[Path, typer.Argument(help="YAML of tools, for example recipes/toy/tools.yaml.")]
Source = Annotated[str | None, typer.Option(help="Whose week, or which video: A1_JAKE, or a video id.")]
QueryTime = Annotated[
    str | None, typer.Option(help="When the question is asked, DAYx_HHMMSSFF; `end`: the whole video may be seen.")
]


@contextmanager
def _serving() -> Iterator[None]:
    from firsthand.errors import UserError

    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is not installed: servers need the extra `tools` of firsthand") from None


@app.command()
def serve(
    config: Config,
    host: Annotated[
        str, typer.Option(help=f"Address to listen on; another one needs a token in {TOKEN}.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8001,
    source: Source = None,
    query_time: QueryTime = None,
    calls: Annotated[int, typer.Option(min=1, help="Calls of one tool that run at a time; more wait.")] = 256,
    seconds: Annotated[float, typer.Option(min=0.1, help="Deadline of one call, retries included.")] = 60.0,
    body_mib: Annotated[
        int, typer.Option(min=1, help="Longest body of /get_observation, MiB, pictures included.")
    ] = 64,
) -> None:
    """One server for all people and videos: /query /video_llm /vlm (Ego-R1), /get_observation (verl-tool), /mcp.

    Every request says whose week it is and when the question was asked (headers X-Source and X-Query-Time, or a path
    like /A1_JAKE@DAY3_12000000/query). --source and --query-time say it for all; requests can then only narrow it.

    Example: firsthand tools serve recipes/toy/tools.yaml --port 8001
    """
    import os

    from firsthand.llm import keys
    from firsthand.tools import config as tools_config
    from firsthand.tools.protocol import Budget
    from firsthand.tools.scope import Scope

    with _serving():
        from firsthand.tools.serve import server
    token = keys.read([TOKEN])[0] if os.environ.get(TOKEN) else None
    pinned, limits = (
        Scope.of(source, query_time),
        server.Limits(calls, Budget(seconds=seconds), batch_bytes=body_mib << 20),
    )
    server.serve(tools_config.load(config), pinned, host, port, token, limits)


@app.command()
def mcp(config: Config, source: Source = None, query_time: QueryTime = None) -> None:
    """An MCP server on stdin and stdout, for one row.

    Example: firsthand tools mcp recipes/toy/tools.yaml --source A1_JAKE --query-time DAY3_12000000
    """
    import asyncio

    from firsthand.tools import config as tools_config
    from firsthand.tools.protocol import Budget
    from firsthand.tools.scope import Scope
    from firsthand.tools.serve.call_queue import CallQueue

    with _serving():
        from firsthand.tools.serve import mcp
    context = Scope.of(source, query_time).context(HOW)
    toolbox = tools_config.load(config)

    async def run() -> None:
        try:
            await mcp.serve_stdio(mcp.build(CallQueue(toolbox, at_work=16, budget=Budget()), lambda _: context))
        finally:
            await toolbox.close()

    asyncio.run(run())


@app.command()
def call(
    config: Config,
    name: Annotated[str, typer.Argument(help="A tool: see `firsthand tools list`.")],
    arguments: Annotated[str, typer.Argument(help="JSON, as a model would write it.")],
    source: Source = None,
    query_time: QueryTime = None,
    images: Annotated[Path | None, typer.Option(help="Folder for the images that come back.")] = None,
) -> None:
    """Call one tool and print what a model would read; exit code 1 unless it ends well.

    Example: firsthand tools call recipes/toy/tools.yaml rag '{"level": "week", "keywords": ["cup"]}'
    --source A1_JAKE --query-time DAY3_12000000
    """
    import asyncio

    from rich.console import Console

    from firsthand import clock
    from firsthand.files import write_bytes
    from firsthand.tools import config as tools_config
    from firsthand.tools.protocol import Context, Outcome
    from firsthand.tools.scope import Scope
    from firsthand.tools.toolbox import Toolbox

    async def once(toolbox: Toolbox, context: Context) -> Outcome:
        try:
            return await toolbox.call(name, arguments, context)
        finally:
            await toolbox.close()

    context = Scope.of(source, query_time).context(HOW)
    outcome = asyncio.run(once(tools_config.load(config), context))
    typer.echo(outcome.text)
    if images:
        for image in outcome.images:
            write_bytes(images / f"{clock.stamp(image.moment)}.jpg", image.jpeg)
    note = f"{outcome.status} after {outcome.seconds:.3f} s, {len(outcome.images)} images"
    Console(stderr=True, highlight=False).print(f"{note} -> {images}" if images else note, style="dim")
    if outcome.status != "ok":
        raise typer.Exit(1)


@app.command("list")
def list_tools(config: Config) -> None:
    """Print the schemas that models are shown, as JSON in OpenAI's form.

    Example: firsthand tools list recipes/toy/tools.yaml
    """
    from json import dumps

    from firsthand.tools import config as tools_config

    typer.echo(dumps(tools_config.load(config).schemas(), indent=1, ensure_ascii=False))


@app.command()
def verl(
    config: Config,
    out: Annotated[Path, typer.Option(help="YAML for veRL's `multi_turn.tool_config_path`.")],
) -> None:
    """Write veRL's tool file: one native tool for each tool of CONFIG.

    Example: firsthand tools verl recipes/toy/tools.yaml --out outputs/verl_tools.yaml
    """
    from dataclasses import asdict

    import yaml

    from firsthand.files import spare, write_text
    from firsthand.tools import config as tools_config
    from firsthand.tools.protocol import Budget

    spare([config], out)
    names = tools_config.load(config).names
    entries = [
        {
            "class_name": "firsthand.tools.verl_adapter.Tool",
            "config": {"type": "native", "toolbox": str(config), "name": name, "budget": asdict(Budget())},
        }
        for name in names
    ]
    head = f"# Written by `firsthand tools verl {config}`; the schemas come from the tools themselves.\n"
    write_text(out, head + yaml.safe_dump({"tools": entries}, sort_keys=False))
    typer.echo(f"{len(names)} tools -> {out}")
