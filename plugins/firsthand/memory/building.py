"""From 30-s clips to a memory: a caption for each, then ten minutes, hours and days, each made from the level below.

Each source is built alone and has its own file of replies, so many can be built at the same time: in one process, or as
tasks of Ray Data with the same result. What a server refuses is left out, as if it had not been recorded, and listed.
When a server fails, a source stops before its next level: summaries of half a window would be paid for twice.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from firsthand import clock
from firsthand.llm.faults import Failed, Unavailable
from firsthand.llm.reply_cache import ReplyCache
from firsthand.memory import prompts
from firsthand.memory.asking import Asker, Usage
from firsthand.memory.jobs import Job, captions_of, clips_of
from firsthand.memory.merge import FINE_TO_COARSE, merged, summaries, windows
from firsthand.memory.records import Record

Advance = Callable[[int, int], None]  # texts done, texts that are known to follow
MakeBody = Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Model:
    name: str
    server: str


@dataclass(frozen=True)
class Settings:
    writer: Model  # merges
    captioner: Model  # sees frames
    work: Path  # where replies are kept
    fps: float = 1.0  # frames of a clip that it sees
    pixels: int = 448 * 448  # of each
    concurrency: int = 8
    retries: int = 6
    timeout: float = 300.0


@dataclass
class Built:
    source: str
    records: list[Record] = field(default_factory=list)
    usage: dict[str, Usage] = field(default_factory=dict)  # by model
    left_out: list[str] = field(default_factory=list)  # what, and why
    faults: list[str] = field(default_factory=list)  # a source with faults has no level above them


def build(jobs: Iterable[Job], settings: Settings, advance: Advance = lambda done, more: None) -> list[Built]:
    """All sources in this process, with `settings.concurrency` calls at once."""

    async def run() -> list[Built]:
        limit = asyncio.Semaphore(settings.concurrency)
        return await asyncio.gather(*(_source(job, settings, limit, advance) for job in jobs))

    return asyncio.run(run())


def build_on_ray(jobs: Iterable[Job], settings: Settings) -> list[Built]:
    """Each source is a task of Ray Data, with `settings.concurrency` calls at once; its folders must be shared."""
    import pickle

    import ray

    def run(row: dict[str, Any]) -> dict[str, Any]:
        return {"built": pickle.dumps(build([pickle.loads(row["job"])], settings))}

    rows = [{"job": pickle.dumps(job)} for job in jobs]
    done = ray.data.from_items(rows, override_num_blocks=len(rows)).map(run).take_all()
    return sorted((one for row in done for one in pickle.loads(row["built"])), key=lambda one: one.source)


async def _source(job: Job, settings: Settings, limit: asyncio.Semaphore, advance: Advance) -> Built:
    replies = ReplyCache(settings.work / f"{quote(job.source, safe='')}.sqlite")
    asker = Asker(replies, limit, settings.retries, settings.timeout)
    built = Built(job.source, usage=asker.usage)
    writer = settings.writer
    try:
        if job.has_captions:
            finer, unread = captions_of(job.source, job.path)
            built.left_out += unread
            advance(0, summaries(finer))
        else:
            finer = await _seen(job, settings, asker, built, advance)
        for level in FINE_TO_COARSE[1:]:
            built.records += finer
            if built.faults:
                return built
            groups = windows(finer, level)
            bodies = [
                partial(prompts.summary, writer.name, level, group) if len(group) > 1 else None for group in groups
            ]
            drafts = [merged(group, level, group[0].text) for group in groups]
            finer = await _written(drafts, bodies, asker, writer.server, built, advance)
        built.records += finer
    finally:
        await asker.close()
    return built


async def _seen(job: Job, settings: Settings, asker: Asker, built: Built, advance: Advance) -> list[Record]:
    """Captions of the frames of a source."""
    clips, model = clips_of(job.source, job.path), settings.captioner
    advance(0, len(clips) + summaries(clips))
    bodies = [partial(prompts.caption, model.name, clip, job.path, settings.fps, settings.pixels) for clip in clips]
    return await _written(clips, bodies, asker, model.server, built, advance)


async def _written(
    drafts: Sequence[Record],
    bodies: Sequence[MakeBody | None],
    asker: Asker,
    server: str,
    built: Built,
    advance: Advance,
) -> list[Record]:
    """The drafts with the texts that a model wrote; one without a request keeps its own."""

    async def write(draft: Record, body: MakeBody | None) -> Record | None:
        if body is None:
            return draft
        name = f"{draft.source} {draft.level} {clock.format_range(draft.start, draft.end)}"
        try:
            return replace(draft, text=await asker.text(server, body))
        except Unavailable as error:
            built.faults.append(f"{name}: {error}")
        except Failed as error:
            built.left_out.append(f"{name}: {error}")
        finally:
            advance(1, 0)
        return None

    texts = await asyncio.gather(*(write(draft, body) for draft, body in zip(drafts, bodies, strict=True)))
    return [one for one in texts if one is not None]
