"""`firsthand memory`: make the written memory of weeks and videos, and look into it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Written memories of weeks and videos: build, import, search, show.")

Database = Annotated[Path, typer.Argument(help="A memory: the file that `build` or `import` wrote.")]
EmbedServer = Annotated[str | None, typer.Option(help="Base URL of an OpenAI-compatible server of embeddings.")]


@app.command()
def build(
    out: Annotated[Path, typer.Option(help="The memory to write.")],
    server: Annotated[str, typer.Option(help="Base URL of the OpenAI-compatible server of --model.")],
    model: Annotated[str, typer.Option(help="Language model that merges notes into longer ones.")],
    captions: Annotated[Path | None, typer.Option(help="Given 30-s captions: a folder that `import` reads.")] = None,
    frames: Annotated[Path | None, typer.Option(help="A frame store, whose clips a vision model captions.")] = None,
    caption_model: Annotated[str | None, typer.Option(help="That vision model; by default --model.")] = None,
    caption_server: Annotated[str | None, typer.Option(help="Base URL of its server; by default --server.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="Only this person or video; may be repeated.")] = None,
    work: Annotated[Path | None, typer.Option(help="Folder that keeps all replies; by default OUT.replies.")] = None,
    fps: Annotated[float, typer.Option(help="Frames a second that the vision model sees.")] = 1.0,
    pixels: Annotated[int, typer.Option(help="Pixels of each frame at most.")] = 448 * 448,
    concurrency: Annotated[int, typer.Option(min=1, help="Calls at once; with --ray, of each source.")] = 8,
    retries: Annotated[int, typer.Option(min=0, help="Tries again after connection faults, 429 and 5xx.")] = 6,
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds to wait for one reply.")] = 300.0,
    price: Annotated[list[str] | None, typer.Option(help="MODEL=IN,OUT in US dollars a million tokens.")] = None,
    ray: Annotated[bool, typer.Option("--ray", help="Build each source as a task of Ray Data.")] = False,
) -> None:
    """Make a memory: captions of 30 s, then ten minutes, hours and days, each written from the level below.

    Start it again after any interruption: what a model has answered is not asked again. Exit code 1 when something is
    missing in the memory. The key is read from OPENAI_API_KEY.

    Example: firsthand memory build --captions datasets/toy/memory --server http://localhost:8000 --model qwen
    --out runs/memory.sqlite
    """
    from firsthand.errors import UserError
    from firsthand.llm.price import read_prices
    from firsthand.memory import building
    from firsthand.memory.asking import report
    from firsthand.memory.jobs import find_jobs
    from firsthand.memory.store import Store
    from firsthand.progress import progress_bar

    if (captions is None) == (frames is None):
        raise UserError("give either --captions (files) or --frames (a frame store)")
    prices = read_prices(price or [])
    jobs, unread = find_jobs(captions, frames, source or [])
    settings = building.Settings(
        writer=building.Model(model, server),
        captioner=building.Model(caption_model or model, caption_server or server),
        work=(work or Path(f"{out}.replies")).resolve(),
        fps=fps,
        pixels=pixels,
        concurrency=concurrency,
        retries=retries,
        timeout=timeout,
    )
    if ray:
        built = building.build_on_ray(jobs, settings)
    else:
        with progress_bar() as bar:
            task = bar.add_task("texts", total=0)

            def advance(done: int, more: int) -> None:
                bar.update(task, advance=done, total=(bar.tasks[0].total or 0) + more)

            built = building.build(jobs, settings, advance)
    for line in report((one.usage for one in built), prices):
        typer.echo(line)
    records = [record for one in built if not one.faults for record in one.records]
    faults = [line for one in built for line in one.faults]
    if records:
        store = Store.build(out, records)
        typer.echo(f"{store.count} records of {len(store.sources())} sources -> {out}")
    else:
        typer.echo(f"no source is whole; {out} is not written")
    missing = [*unread, *(line for one in built for line in one.left_out), *faults]
    _list_and_exit("pieces are missing; run it again to ask what failed", missing)


@app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(help="Folder with egolife/, videomme/ or egoschema/, or one of these.")],
    out: Annotated[Path, typer.Option(help="The memory to write.")],
) -> None:
    """Make a memory of Ego-R1's database files; exit code 1 when a file or record could not be read.

    Example: firsthand memory import datasets/toy/memory --out runs/memory.sqlite
    """
    from firsthand.errors import UserError
    from firsthand.files import spare
    from firsthand.memory.ego_r1_files import Problems, find, read
    from firsthand.memory.store import Store

    problems = Problems()
    files = find(folder, problems)
    if not files:
        raise UserError("\n".join([f"{folder}: no memory file below it", *problems]))
    spare((file.path for file in files), out)
    store = Store.build(out, read(files, problems))
    typer.echo(f"{len(files)} files, {store.count} records of {len(store.sources())} sources -> {out}")
    _list_and_exit("files or records could not be read", problems)


@app.command()
def show(database: Database) -> None:
    """List the sources of a memory with their levels, counts and spans.

    Example: firsthand memory show runs/memory.sqlite
    """
    from rich.console import Console
    from rich.table import Table

    from firsthand import clock
    from firsthand.memory.records import COARSE_TO_FINE
    from firsthand.memory.store import Store

    store = Store(database)
    table = Table(
        "source", "level", "records", "from", "to", title=f"{store.count} records, {(store.digest or '')[:12]}"
    )
    for source in store.sources():
        held = store.levels(source)
        for one in (held[level] for level in COARSE_TO_FINE if level in held):
            table.add_row(source, one.level, str(one.records), clock.stamp(one.start), clock.stamp(one.end))
    Console(highlight=False).print(table)


@app.command()
def search(
    database: Database,
    keywords: Annotated[list[str], typer.Argument(help="What to look for.")],
    source: Annotated[str, typer.Option(help="Whose week, or which video.")],
    level: Annotated[str, typer.Option(help="week finds days, day finds hours, hour finds ten minutes.")] = "week",
    start: Annotated[str | None, typer.Option(help="Where a day or an hour begins: DAYx_HHMMSSFF.")] = None,
    query_time: Annotated[str | None, typer.Option(help="Nothing that ends later is seen: DAYx_HHMMSSFF.")] = None,
    ranking: Annotated[str, typer.Option(help="lexical, dense or hybrid.")] = "lexical",
    order: Annotated[str | None, typer.Option(help="Count matches; latest, earliest: by time; relevance.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many records.")] = 5,
    synonyms: Annotated[Path | None, typer.Option(help="Lines of words that mean the same: phone, mobile")] = None,
    embed_server: EmbedServer = None,
    rerank_server: Annotated[str | None, typer.Option(help="Let a language model order the best, at this URL.")] = None,
    rerank_model: Annotated[str, typer.Option(help="Name of that model.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search a memory as an agent does, seeing nothing that ends after the query time.

    Example: firsthand memory search runs/memory.sqlite lamp --source A1_JAKE --level day --start DAY2_11000000
    """
    from dataclasses import asdict
    from json import dumps

    from firsthand import clock
    from firsthand.memory.dense import open_embedder
    from firsthand.memory.rerank import Reranker
    from firsthand.memory.search import Searcher
    from firsthand.memory.store import Store

    store = Store(database)
    dense = ranking != "lexical" and store.embedding_model is not None
    searcher = Searcher(
        store,
        ranking,  # type: ignore[arg-type]
        limit=limit,
        synonyms=synonyms,
        embedder=open_embedder(store.embedding_model or "", embed_server) if dense else None,
        reranker=Reranker(rerank_server, rerank_model, f"{database}.rerank.sqlite") if rerank_server else None,
    )
    start_moment, query_moment = (clock.parse(text) if text else None for text in (start, query_time))
    found = searcher.search(level, keywords, start_moment, query_moment, source, order)  # type: ignore[arg-type]
    if json:
        typer.echo(dumps(asdict(found), ensure_ascii=False, indent=1))
        return
    if not found.exact:
        typer.secho("nothing there matches; the nearest:" if found.records else "nothing there", err=True)
    if found.matches:
        typer.secho(f"matches: {found.matches.count}", err=True)
    for record in found.records:
        typer.secho(f"{clock.format_range(record.start, record.end)} {record.level}", bold=True)
        typer.echo(record.text)


@app.command()
def embed(
    database: Database,
    model: Annotated[str, typer.Option(help="wordllama, or one of sentence-transformers or of the server.")],
    server: EmbedServer = None,
) -> None:
    """Give every record of a memory a vector, for dense and hybrid search.

    Example: firsthand memory embed runs/memory.sqlite --model wordllama
    """
    from firsthand.memory.dense import add_vectors, open_embedder

    store = add_vectors(database, open_embedder(model, server))
    typer.echo(f"{store.count} vectors of {model} -> {database}")


def _list_and_exit(what: str, lines: Sequence[str]) -> None:
    """Lists what is missing and ends with exit code 1."""
    if lines:
        typer.secho("\n".join([*lines, f"{len(lines)} {what}"]), fg="red", err=True)
        raise typer.Exit(1)
