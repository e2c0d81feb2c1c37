"""Load on a served `rag`: many callers at once for a while; errors, latency, throughput, and memory over time.

    python bench/tools.py [--callers 256] [--seconds 60] [--records 32000]

The server is a process of its own, started as a user would; the callers share another one, on the same machine. Before
it, the same callers ask a handler of the same framework that does nothing, so that its time can be compared with what
the framework, the load generator and the machine of this moment take.
"""

import argparse
import asyncio
import math
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import numpy as np

from firsthand import clock
from firsthand.memory.records import Record
from firsthand.memory.store import Store
from firsthand.serving.vllm_server import free_port

SOURCES = ("A1_JAKE", "A2_ALICE", "A3_TASHA", "A4_LUCIA", "A5_KATRINA", "A6_SHURE")
WORDS = [f"{first}{second}" for first in ("lamp", "cup", "knife", "shelf", "tea") for second in range(200)]
REMEMBERED = 4096  # answers that a searcher keeps
CONFIG = "memory: {{store: {0}/memory.sqlite}}\nstate: {0}/state\ntools: {{rag: }}\n"


def records(count: int) -> Iterator[Record]:
    """Thirty seconds after thirty seconds, 14 hours a day, of 60 words each, and their ten minutes and hours."""
    rng = random.Random(0)
    each = count // len(SOURCES)
    for source in SOURCES:
        for number in range(each):
            day, place = divmod(number, 14 * 120)
            start = clock.plus(clock.midnight(day + 1), 8 * 3600 + 30 * place)
            for level, seconds in (("30s", 30), ("10min", 600), ("1hour", 3600)):
                if 30 * place % seconds == 0:
                    yield Record(source, level, start, clock.plus(start, seconds), " ".join(rng.choices(WORDS, k=60)))


class Callers:
    """What they met: seconds of each call, and how it ended."""

    def __init__(self, session: aiohttp.ClientSession, count: int):
        self.session, self.count = session, count
        self.took, self.ends = list[float](), Counter[str]()

    async def work(self, until: float = math.inf, calls: float = math.inf) -> None:
        await asyncio.gather(*(self._one(random.Random(seed), until, calls) for seed in range(self.count)))

    async def _one(self, rng: random.Random, until: float, calls: float) -> None:
        while calls > 0 and time.monotonic() < until:
            start = f"DAY{rng.randint(1, 2)}_{rng.randint(8, 18):02}000000"
            body = {
                "level": rng.choice(["week", "day", "hour"]),
                "keywords": rng.choices(WORDS, k=4),
                "start_time": start,
            }
            says = {"X-Source": rng.choice(SOURCES), "X-Query-Time": f"DAY3_{rng.randint(8, 20):02}300000"}
            begun = time.perf_counter()
            try:
                async with self.session.post("/query", json=body, headers=says) as reply:
                    await reply.read()
                    self.ends[reply.headers.get("X-Outcome", f"HTTP {reply.status}")] += 1
            except (aiohttp.ClientError, TimeoutError) as error:
                self.ends[type(error).__name__] += 1
            self.took.append(time.perf_counter() - begun)
            calls -= 1


async def metric(session: aiohttp.ClientSession, name: str) -> float:
    async with session.get("/metrics") as reply:
        lines = (await reply.text()).splitlines()
    [value] = [line.split()[1] for line in lines if line.startswith(f"{name} ")]
    return float(value)


async def memory(session: aiohttp.ClientSession) -> float:
    """Resident MiB of the server."""
    return await metric(session, "process_resident_memory_bytes") / (1 << 20)


async def load(url: str, callers: int, seconds: float) -> float:
    """Milliseconds of the server's processor time for a call."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, connector=connector, timeout=aiohttp.ClientTimeout(60)) as session:
        await Callers(session, callers).work(calls=REMEMBERED / callers + 1)  # until the cache of answers is full
        resident, worked = [await memory(session)], await metric(session, "process_cpu_seconds_total")
        begun, measured = time.monotonic(), Callers(session, callers)
        work = asyncio.create_task(measured.work(until=begun + seconds))
        while not work.done():
            await asyncio.wait([work], timeout=seconds / 6)
            resident.append(await memory(session))
        spent = time.monotonic() - begun
        worked = await metric(session, "process_cpu_seconds_total") - worked
    took, ends = measured.took, dict(measured.ends)
    p50, p99 = np.percentile(took, [50, 99]) * 1000
    print(f"{callers} callers, {spent:.0f} s: {len(took)} calls, {len(took) / spent:.0f} a second, {ends}")
    print(f"latency p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {max(took) * 1000:.0f} ms")
    print(f"CPU of the server: {1000 * worked / len(took):.2f} ms a call")
    print("memory of the server, MiB: " + " ".join(f"{value:.0f}" for value in resident))
    return 1000 * worked / len(took)


def serve_bare(port: int) -> None:
    """A handler that reads JSON and writes JSON, in front of the server's own metrics."""
    import json

    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    from firsthand.tools.serve.metrics import scrape
    from firsthand.tools.toolbox import Counters

    async def query(request: Request) -> Response:
        return JSONResponse({"response": json.loads(await request.body())}, 200, {"X-Outcome": "ok"})

    async def health(_: Request) -> Response:
        return JSONResponse({})

    async def metrics(_: Request) -> Response:
        return Response(scrape(Counters(), 0))

    app = Starlette(
        routes=[Route("/query", query, methods=["POST"]), Route("/health", health), Route("/metrics", metrics)]
    )
    uvicorn.run(app, port=port, access_log=False, log_level="warning", backlog=2048)


def measured(command: list[str], port: int, callers: int, seconds: float) -> float:
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return asyncio.run(_when_ready(f"http://127.0.0.1:{port}", callers, seconds))
    finally:
        server.terminate()
        print(f"the server ended with code {server.wait(60)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--callers", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--records", type=int, default=32_000, help="of thirty seconds")
    parser.add_argument("--bare", type=int, help="serve the bare handler at this port, and nothing else")
    options = parser.parse_args()
    if options.bare:
        return serve_bare(options.bare)
    with tempfile.TemporaryDirectory() as name:
        folder, bare, port = Path(name), free_port(), free_port()
        Store.build(folder / "memory.sqlite", records(options.records))
        (folder / "tools.yaml").write_text(CONFIG.format(folder))
        print("-- a handler that does nothing")
        least = measured([sys.executable, __file__, "--bare", str(bare)], bare, options.callers, options.seconds)
        print("-- rag")
        command = [sys.executable, "-m", "firsthand.cli", "tools", "serve", str(folder / "tools.yaml")]
        spent = measured([*command, "--port", str(port)], port, options.callers, options.seconds)
        print(f"CPU of a call: {spent:.2f} ms, {spent / least:.1f} times that of the bare handler")


async def _when_ready(url: str, callers: int, seconds: float) -> float:
    async with aiohttp.ClientSession(url) as session:
        for _ in range(600):
            try:
                async with session.get("/health"):
                    break
            except aiohttp.ClientError:
                await asyncio.sleep(0.2)
    return await load(url, callers, seconds)


if __name__ == "__main__":
    main()
