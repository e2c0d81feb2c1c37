"""How near the throttle comes to the best fixed number of questions at once, on a real vLLM server.

    python bench/throttle.py [MODEL] [--questions 300]

Each number has the server for itself, after the same warm-up; the adaptive one starts anew, at four.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from firsthand.llm.ask_many import Pace, ask_all
from firsthand.llm.client import Settings, complete
from firsthand.llm.throttle import Throttle
from firsthand.serving.vllm_server import vllm_server

ROOT = Path(__file__).parents[1]
FIXED = (1, 2, 4, 8, 16, 32)


class Item(NamedTuple):
    id: str
    messages_sha256: str = ""


class Fixed(Throttle):
    """As many as are allowed from the start, whatever the server does."""

    def __init__(self, most: int, patience: float = 0.0):
        super().__init__(most, patience)
        self.limit = most

    def _go_on_with(self, limit: int) -> None:
        pass


class FixedPace(Pace):
    def throttle(self) -> Throttle:
        return Fixed(self.concurrency, self.patience)


def rate(url: str, count: int, pace: Pace, folder: Path) -> float:
    """Answers a second."""
    settings = Settings(model="tiny", max_tokens=16)

    async def answer(client: Any, item: Item) -> dict[str, Any]:
        asked = f"{item.id}: which of the two cups on the table is nearer to the hand that holds the spoon?"
        reply = await complete(client, {"messages": [{"role": "user", "content": asked}]}, settings)
        return {"id": item.id, "messages_sha256": "", "settings": settings.model_dump(), "output": reply.output}

    out = folder / f"{time.monotonic_ns()}.jsonl"
    items = {f"{out.stem}-{number}": Item(f"{out.stem}-{number}") for number in range(count)}
    start = time.monotonic()
    summary = asyncio.run(ask_all(items, answer, out, url, settings, pace))
    assert summary.asked == count, summary.failed
    return count / (time.monotonic() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", type=Path, default=ROOT / "models/tiny_qwen2_5")
    parser.add_argument("--questions", type=int, default=300)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with vllm_server(told.model, "tiny", folder / "log", 512) as url:
            rate(url, told.questions // 4, FixedPace(4), folder)
            fixed = {most: rate(url, told.questions, FixedPace(most), folder) for most in FIXED}
            adaptive = rate(url, told.questions, Pace(32), folder)
    for most, found in fixed.items():
        print(f"{most:>9} at once: {found:6.1f} answers a second")
    best = max(fixed.values())
    print(f" adaptive, to 32: {adaptive:6.1f} answers a second, {100 * adaptive / best:.0f} % of the best fixed number")


if __name__ == "__main__":
    main()
