"""Whether a model uses the order of frames: what it scores on ordered frames and on others, by kind of question.

Two runs make a pair where their settings differ in `frame_order` alone. The gap is taken question by question: about 0
says that nothing was lost with the order, so the answer came from single frames, or from none.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from firsthand.evals.compare import Comparison, compare
from firsthand.evals.results import ANSWER, Results, predictions
from firsthand.evals.rows import Gold
from firsthand.evals.run_folder import Folder
from firsthand.evals.tables import Grid

ORDERED = "ordered"


class Gap(BaseModel):
    """One kind of question: the answers on ordered frames (`b`) against those on frames in another order (`a`)."""

    run: str  # the one on ordered frames
    order: str
    kind: str
    compared: Comparison

    @property
    def cells(self) -> list[str]:
        one = self.compared
        shares = [f"{100 * (one.both + only) / one.n:.1f}" for only in (one.only_b, one.only_a)]
        gap, low, high = (f"{100 * value:+.1f}" for value in (one.difference, *one.interval))
        return [self.run, self.order, self.kind, str(one.n), *shares, f"{gap}  {low} to {high}"]


def gaps(runs: Sequence[Folder], found: Sequence[Results]) -> list[Gap]:
    both = list(zip(runs, found, strict=True))
    return [
        gap
        for ordered, one in both
        if _order(one) == ORDERED
        for other, another in both
        if _order(another) != ORDERED and _without_order(one) == _without_order(another)
        for gap in _of_pair(ordered, other, _order(another))
    ]


def grid(found: Sequence[Gap]) -> Grid:
    head = ["run", "other frames", "questions", "n", "ordered", "other", "gap"]
    title = "Does it use the order? Accuracy in %, gap with 95 % bootstrap intervals"
    return Grid(title, head, [gap.cells for gap in found])


def _of_pair(ordered: Folder, other: Folder, order: str) -> Iterator[Gap]:
    a, b = ((run.name, predictions(run)[ANSWER]) for run in (other, ordered))
    for kind, gold in _kinds(ordered).items():
        compared = compare(a, b, gold, metric=ordered.benchmark.metrics[0])
        yield Gap(run=ordered.name, order=order, kind=kind, compared=compared)


def _kinds(run: Folder) -> dict[str, dict[str, Gold]]:
    kinds: dict[str, dict[str, Gold]] = defaultdict(dict)
    for key, gold in run.golds.items():
        for kind in ("all", *(f"{name}: {gold.group(name)}" for name in run.benchmark.by)):
            kinds[kind][key] = gold
    return dict(sorted(kinds.items()))


def _order(one: Results) -> str:
    return one.settings.get("frame_order", ORDERED)


def _without_order(one: Results) -> dict[str, Any]:
    return {key: value for key, value in one.settings.items() if key != "frame_order"}
