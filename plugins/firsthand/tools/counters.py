"""What happened, by tool: statuses, latencies, and events such as a prevented leak or a retry."""

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from firsthand.tools.protocol import Outcome, Status

BOUNDS = (0.005, 0.02, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)  # seconds; the last bucket has no bound


@dataclass
class Histogram:
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds


@dataclass
class Counters:
    calls: Counter[tuple[str, Status]] = field(default_factory=Counter)
    events: Counter[tuple[str, str]] = field(default_factory=Counter)  # (tool, event)
    seconds: defaultdict[str, Histogram] = field(default_factory=lambda: defaultdict(Histogram))
    cost: Counter[str] = field(default_factory=Counter)  # US dollars

    def add(self, tool: str, outcome: Outcome) -> None:
        self.calls[tool, outcome.status] += 1
        self.seconds[tool].add(outcome.seconds)
        self.cost[tool] += outcome.cost  # type: ignore[assignment]  # a Counter adds floats as well
        self.events.update({(tool, "retry"): outcome.tries - 1, (tool, "replayed"): int(outcome.replayed)})
