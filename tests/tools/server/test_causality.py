"""Nothing from after the query time comes out of any tool by any transport, whatever a model writes.

Every record of a random memory carries a number in its text, every frame of a random store carries one in its colour,
so whatever comes out says from when it is. The vision model behind video_llm and vlm is one that reads those colours.
"""

import asyncio
import base64
import json
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import httpx
import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Picture

from firsthand import clock
from firsthand.errors import UserError
from firsthand.media.index import writing
from firsthand.memory.records import Record
from firsthand.memory.search import Searcher
from firsthand.memory.store import Store
from firsthand.tools.backends.base import Answer, Sight
from firsthand.tools.crop import Crop
from firsthand.tools.environment import Environment
from firsthand.tools.frames import Frames
from firsthand.tools.limits import Breaker, Guard
from firsthand.tools.rag import Rag
from firsthand.tools.scope import Scope
from firsthand.tools.serve.mcp import OUTCOME
from firsthand.tools.serve.server import Limits, build
from firsthand.tools.terminate import Terminate
from firsthand.tools.toolbox import Toolbox
from firsthand.tools.video_llm import VideoLlm
from firsthand.tools.vlm import Vlm

SOURCES = ("A1_JAKE", "A2_ALICE")
EVERY = 20.0  # seconds between two frames
LEVELS = {"10min": 600, "1hour": 3600, "1day": 86400}


class World(NamedTuple):
    toolbox: Toolbox
    ends: list[tuple[str, float]]  # number in a record's text -> whose it is, and when it ends
    moments: list[tuple[str, float]]  # number in a frame's colour -> whose it is, and when


class Case(NamedTuple):
    source: str
    query_time: str
    tool: str
    arguments: dict[str, Any]


class Said(NamedTuple):
    """What came out of a transport."""

    status: str
    text: str
    images: list[Picture.Image]


# --- a random week ---------------------------------------------------------------------------------------------------


def make_world(folder: Path, seed: int) -> World:
    rng = random.Random(seed)
    ends: list[tuple[str, float]] = []
    moments: list[tuple[str, float]] = []
    records: list[Record] = []
    with writing(folder, {"fps": 1 / EVERY}) as index, index:
        for source in SOURCES:
            for day in (1, 2, 3):
                for hour in HOURS:
                    start = clock.plus(clock.midnight(day), hour * 3600 + rng.randrange(900))
                    end = clock.plus(start, 30 * rng.randint(40, 85))
                    _record(records, ends, source, start, end)
                    _film(index, folder, moments, source, start, end)
    Store.build(folder / "memory.sqlite", [*records, *_summaries(records, ends, rng)])
    return World(_toolbox(folder), ends, moments)


def _record(records: list[Record], ends: list, source: str, start: float, end: float) -> None:
    while start < end:
        stop = min(clock.plus(start, 30), end)
        records.append(Record(source, "30s", start, stop, _text(ends, source, stop)))
        start = stop


def _summaries(records: list[Record], ends: list, rng: random.Random) -> Iterator[Record]:
    """Of whole windows, as they are made once the week is over; some are missing."""
    for level, seconds in LEVELS.items():
        windows: dict[tuple[str, float], list[Record]] = {}
        for record in records:
            windows.setdefault((record.source, record.start // seconds), []).append(record)
        for parts in windows.values():
            if rng.random() < 0.9:
                end = max(part.end for part in parts)
                yield Record(parts[0].source, level, parts[0].start, end, _text(ends, parts[0].source, end))


def _text(ends: list, source: str, end: float) -> str:
    ends.append((source, end))
    return f"i hold a cup near the lamp R{len(ends) - 1}R"


def _film(index: Any, folder: Path, moments: list, source: str, start: float, end: float) -> None:
    name = f"{source}/{clock.stamp(start)}"
    (folder / name).mkdir(parents=True)
    values = (name, source, start, end, name)
    video = index.execute("INSERT INTO videos VALUES (NULL, ?, 0, 0, ?, ?, ?, ?)", values).lastrowid
    moment = start
    while moment <= end:
        colour = tuple(len(moments) // 16**place % 16 * 16 + 8 for place in range(3))
        Picture.new("RGB", (64, 64), colour).save(folder / name / f"{clock.stamp(moment)}.jpg", quality=95)
        index.execute("INSERT INTO frames VALUES (?, ?, ?, ?, ?)", (source, moment, start, moment - start, video))
        moments.append((source, moment))
        moment = clock.plus(moment, EVERY)


def number_of(image: Picture.Image) -> int:
    red, green, blue = image.convert("RGB").resize((1, 1), Picture.Resampling.BOX).getpixel((0, 0))
    return red // 16 + green // 16 * 16 + blue // 16 * 256


class Seer:
    """A vision model that says which frames it was shown."""

    settings: dict[str, Any] = {}

    async def answer(self, sight: Sight) -> Answer:
        seen = (f"F{number_of(Picture.open(BytesIO(image.jpeg)))}F" for image in sight.images)
        return Answer(" ".join(seen))

    async def close(self) -> None: ...


def _toolbox(folder: Path) -> Toolbox:
    environment = Environment(folder)
    tools = [
        Rag(Searcher(Store(folder / "memory.sqlite")), results=3),
        VideoLlm(environment, Seer(), fps=1.0, max_frames=8, max_pixels=4096),
        Vlm(environment, Seer(), max_pixels=4096),
        Frames(environment),
        Crop(environment),
        Terminate(),
    ]
    # A breaker would hide what comes after the first faults, and a retry would only repeat them.
    return Toolbox(tools, {tool.name: Guard(retries=0, breaker=Breaker(faults=10**9)) for tool in tools})


# --- what a model writes ---------------------------------------------------------------------------------------------

HOURS = [9, 11, 23]  # in which recording begins


def stamps(days: list[int]) -> st.SearchStrategy[str]:
    time = st.tuples(
        st.sampled_from([*HOURS, *HOURS, 10, 0]), st.integers(0, 59), st.integers(0, 59), st.integers(0, 19)
    )
    return st.builds(
        lambda day, parts: f"DAY{day}_{''.join(f'{part:02}' for part in parts)}", st.sampled_from(days), time
    )


def reaching(start: str, seconds: int) -> str:
    return f"{start}-{clock.stamp(clock.plus(clock.parse(start), seconds))}"


HOSTILE = [
    *("", "DAY9_00000000", "day3_235959", "DAY0_00000000", "DAY1_99999999", "DAY1_11210217' OR 1=1 --"),
    *("../../A2_ALICE", "A2_ALICE", "file:///etc/passwd", "\x00", "😀" * 50, "x" * 5000, "NaN", "1e999"),
    *("<|image_pad|>", "</tool><tool>"),
]
LEVEL = st.sampled_from(["week", "day", "hour", "hour", "day"])
ORDER = st.sampled_from([None, "relevance", "latest", "earliest"])
QUESTION = st.sampled_from(["what is seen?", "what happens later, after the question was asked?"])
BOX = st.just([0, 0, 500, 500])
moment = stamps([1, 1, 2, 2, 3])
stretch = st.builds(reaching, moment, st.sampled_from([1, 30, 300, 600, 1500]))
sane = {
    "rag": {"level": LEVEL, "keywords": st.just(["cup", "lamp"]), "start_time": moment, "order": ORDER},
    "video_llm": {"question": QUESTION, "range": stretch},
    "vlm": {"question": QUESTION, "timestamp": moment},
    "frames": {"range": stretch},
    "crop": {"timestamp": moment, "box": BOX},
}

text = st.sampled_from(HOSTILE)
anything = st.one_of(text, st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.lists(text, max_size=2))
odd_moment = st.one_of(moment, st.just("end of time"), anything)
odd_stretch = st.one_of(st.builds("{}-{}".format, odd_moment, odd_moment), anything)
FACTS = ["source", "identity", "vid_id", "query_time", "media_root", "context"]
odd = {
    "rag": {"level": st.one_of(LEVEL, anything), "keywords": st.lists(text, max_size=4), "start_time": odd_moment}
    | {"query_time": st.one_of(st.just("DAY3_23595919"), odd_moment), "order": st.one_of(ORDER, anything)},
    "video_llm": {"question": st.one_of(QUESTION, anything), "range": odd_stretch},
    "vlm": {"question": QUESTION, "timestamp": odd_moment},
    "frames": {"range": odd_stretch, "n": st.integers(-1, 2000), "fps": st.floats()},
    "crop": {"timestamp": odd_moment, "box": st.one_of(BOX, st.lists(st.floats(), max_size=5))},
    "terminate": {"answer": anything},
    "read_file": {"path": anything},
}


@st.composite
def cases(draw: Callable) -> Case:
    """Half of them sane: a model that means well gets far, and asks for the future by mistake."""
    kinds = draw(st.sampled_from([sane, odd]))
    tool = draw(st.sampled_from([*kinds]))
    arguments = draw(
        st.fixed_dictionaries(kinds[tool]) if kinds is sane else st.fixed_dictionaries({}, optional=odd[tool])
    )
    smuggled = {} if kinds is sane else draw(st.dictionaries(st.sampled_from(FACTS), anything, max_size=1))
    return Case(draw(st.sampled_from(SOURCES)), draw(stamps([1, 2, 2, 3, 3])), tool, {**arguments, **smuggled})


# --- transports ------------------------------------------------------------------------------------------------------


def opened(jpegs: list[bytes]) -> list[Picture.Image]:
    return [Picture.open(BytesIO(jpeg)) for jpeg in jpegs]


@contextmanager
def in_process(world: World, serve: Callable) -> Iterator[Callable[[Case], Said]]:
    async def call(case: Case) -> Said:
        context = Scope.of(case.source, case.query_time).context()
        outcome = await world.toolbox.call(case.tool, case.arguments, context)
        shown = json.dumps([outcome.text, outcome.data])
        return Said(outcome.status, shown, opened([image.jpeg for image in outcome.images]))

    with asyncio.Runner() as runner:
        yield lambda case: runner.run(call(case))


@contextmanager
def over_http(world: World, serve: Callable) -> Iterator[Callable[[Case], Said]]:
    url = serve(build(world.toolbox, Scope(), Limits()))
    routes = {"rag": "/query", "video_llm": "/video_llm", "vlm": "/vlm"}

    def call(case: Case) -> Said:
        says = {"X-Source": case.source, "X-Query-Time": case.query_time, "Content-Type": "application/json"}
        if case.tool in routes and len(case.arguments) % 2:
            reply = client.post(routes[case.tool], content=json.dumps(case.arguments), headers=says)
            return Said(reply.headers.get("x-outcome", "refused"), reply.text, [])
        action = f"<tool>{json.dumps({'name': case.tool, 'arguments': case.arguments})}</tool>"
        reply = client.post("/get_observation", json={"trajectory_ids": ["t"], "actions": [action]}, headers=says)
        [seen] = reply.json()["observations"]
        seen = seen if isinstance(seen, dict) else {"obs": seen}
        urls = seen.get("image", [])
        return Said(reply.headers["x-outcome"], seen["obs"], opened([_decoded(url) for url in urls]))

    with httpx.Client(base_url=url, timeout=60) as client:
        yield call


def _decoded(url: str) -> bytes:
    return base64.b64decode(url.removeprefix("data:image/jpeg;base64,"))


@contextmanager
def over_mcp(world: World, serve: Callable) -> Iterator[Callable[[Case], Said]]:
    from mcp.client import Client
    from mcp.client.streamable_http import streamable_http_client

    url = serve(build(world.toolbox, Scope(), Limits()))

    async def call(case: Case) -> Said:
        address = f"{url}/{case.source}@{case.query_time}/mcp"
        async with (
            httpx2.AsyncClient(timeout=60) as http,
            Client(streamable_http_client(address, http_client=http), mode="2026-07-28") as client,
        ):
            result = await client.call_tool(case.tool, case.arguments)
        texts = [part.text for part in result.content if part.type == "text"]
        images = [_decoded(part.data) for part in result.content if part.type == "image"]
        return Said(result.meta[OUTCOME]["status"], " ".join(texts), opened(images))

    with asyncio.Runner() as runner:
        yield lambda case: runner.run(call(case))


@contextmanager
def by_verl(world: World, serve: Callable) -> Iterator[Callable[[Case], Said]]:
    pytest.importorskip("verl")
    from firsthand.tools import verl_adapter

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verl_adapter, "toolbox_of", lambda path: world.toolbox)
        tools = {name: verl_adapter.Tool({"toolbox": "", "name": name}) for name in world.toolbox.names}

    async def call(case: Case) -> Said:
        if case.tool not in tools:
            return Said("user_error", "", [])  # veRL's loop knows its tools by name
        tool, agent_data = tools[case.tool], SimpleNamespace(extra_fields={})
        instance, _ = await tool.create(create_kwargs={"source": case.source, "query_time": case.query_time})
        response, _, entry = await tool.execute(instance, case.arguments, agent_data=agent_data)
        await tool.release(instance)
        return Said(entry["status"], response.text, response.image or [])

    with asyncio.Runner() as runner:
        yield lambda case: runner.run(call(case))


# --- the property ----------------------------------------------------------------------------------------------------

STAMP = re.compile(r"DAY\d+_\d{6,8}", re.IGNORECASE)


def times_in(text: str) -> set[float]:
    found = set()
    for stamp in STAMP.findall(text):
        try:
            found.add(clock.parse(stamp))
        except UserError:
            continue
    return found


def check(world: World, case: Case, said: Said) -> None:
    latest = clock.parse(case.query_time)
    numbers = [*re.findall(r"F(\d+)F", said.text), *map(number_of, said.images)]
    shown = [world.ends[int(number)] for number in re.findall(r"R(\d+)R", said.text)]
    shown += [world.moments[int(number)] for number in numbers]
    for source, moment in shown:
        assert source == case.source, f"{source} in the answer to {case}"
        assert moment <= latest, f"{clock.stamp(moment)} in the answer to {case}"
    told = times_in(said.text) - times_in(json.dumps(case.arguments))  # a correction may repeat what was asked
    if said.status == "user_error":
        told -= times_in(json.dumps(world.toolbox.schemas()))  # and show the right form by the schema's examples
    assert all(moment <= latest for moment in told), f"{[*map(clock.stamp, told)]} told in the answer to {case}"
    assert said.status in ("ok", "user_error", "blocked_by_time", "refused"), f"{said} for {case}"


def hold(world: World, call: Callable[[Case], Said], examples: int, **options: Any) -> dict[str, int]:
    """Checks so many cases; returns how they ended."""
    ended: dict[str, int] = {}

    @settings(max_examples=examples, database=None, suppress_health_check=list(HealthCheck), **options)
    @given(cases())
    def holds(case: Case) -> None:
        said = call(case)
        check(world, case, said)
        ended[said.status] = ended.get(said.status, 0) + 1

    holds()
    assert not any(world.toolbox.counters.events[name, "leak_prevented"] for name in world.toolbox.names)
    return ended


TRANSPORTS = [in_process, over_http, over_mcp, by_verl]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_nothing_from_the_future(transport, serve, tmp_path: Path) -> None:
    world = make_world(tmp_path, seed=len(transport.__name__))
    with transport(world, serve) as call:
        ended = hold(world, call, 40)
    assert ended["ok"] and ended["blocked_by_time"] and ended["user_error"]  # else the cases would show nothing


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_nothing_from_the_future_at_length(transport, serve, tmp_path: Path) -> None:
    """10,400 cases: twenty random weeks for each transport."""
    for seed in range(20):
        world = make_world(tmp_path / str(seed), seed)
        with transport(world, serve) as call:
            hold(world, call, 130, derandomize=False)


def test_the_check_sees_what_leaks(tmp_path: Path) -> None:
    """A tool without the guard is caught by number, by colour and by time."""
    world = make_world(tmp_path, seed=1)
    late = max(range(len(world.ends)), key=lambda number: world.ends[number][1])
    frame = max(range(len(world.moments)), key=lambda number: world.moments[number][1])
    source = world.ends[late][0]
    colour = tuple(frame // 16**place % 16 * 16 + 8 for place in range(3))
    film = Picture.new("RGB", (8, 8), colour)
    for case, said in [
        (Case(source, "DAY1_00000000", "rag", {}), Said("ok", f"cup R{late}R", [])),
        (Case(world.moments[frame][0], "DAY1_00000000", "frames", {}), Said("ok", "", [film])),
        (Case(source, "DAY1_00000000", "rag", {}), Said("ok", "at DAY1_00000001", [])),
        (Case("A7", "DAY4_00000000", "rag", {}), Said("ok", f"cup R{late}R", [])),
    ]:
        with pytest.raises(AssertionError):
            check(world, case, said)
    check(world, Case(source, "DAY4_00000000", "rag", {}), Said("ok", f"cup R{late}R", []))
