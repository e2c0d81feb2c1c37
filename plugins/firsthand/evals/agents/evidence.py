"""How near an agent came to the evidence: what its calls showed it, against the annotated `target_time`.

The benchmarks publish no definition of these measures. The definitions here are ours, so numbers of others under the
same names may differ.

- A *look* is a call that ended well and showed something, with the spans it showed: the records of a search, the
  stretches and frames that were watched. Looks count in the order in which they happened.
- A target, or a shown span in a tIoU, that is shorter than a clip of 30 seconds is widened to one: annotations and
  frames name moments, and a clip is as exact as this data is.
- *tIoU*: seconds in both over seconds in either, of the spans of one look against all targets together. `tiou` is that
  of the last look, on which the answer rests, and `tiou_best` that of the best one.
- *hit@k*: one of the first k looks showed a span that touches a target. A span longer than ten minutes is not a hit
  (`clock.shows`): a record of a whole day does not show when something happened.
- *recall*: the share of the targets that some look hit.

A question without a known target is left out. One whose agent never looked counts as 0.
"""

from collections.abc import Sequence
from statistics import fmean

from pydantic import BaseModel

from firsthand import clock
from firsthand.rollout.trace import Trace

HITS = (1, 3, 5)

Spans = Sequence[tuple[float, float]]


class Evidence(BaseModel):
    """Of one question, or the means over `n` of them."""

    n: int = 1
    tiou: float
    tiou_best: float
    hit: dict[int, float]  # k -> share
    hit_any: float
    recall: float


def looks(trace: Trace) -> list[Spans]:
    """The spans of each call that showed something."""
    return [turn.spans for turn in trace.calls if turn.status == "ok" and turn.spans]


def targets(target_time: str | None) -> list[tuple[float, float]]:
    """Where a row says that the evidence lies."""
    return clock.target_spans(target_time) if target_time else []


def evidence(shown: Sequence[Spans], wanted: Spans) -> Evidence:
    clips = [clock.widened(*span, clock.CLIP) for span in wanted]
    overlaps = [tiou(spans, clips) for spans in shown]
    found = [{clip for clip in clips if any(clock.shows(span, clip) for span in spans)} for spans in shown]
    return Evidence(
        tiou=overlaps[-1] if overlaps else 0.0,
        tiou_best=max(overlaps, default=0.0),
        hit={k: float(any(found[:k])) for k in HITS},
        hit_any=float(any(found)),
        recall=len(set().union(*found)) / len(set(clips)),
    )


def mean(each: Sequence[Evidence]) -> Evidence | None:
    if not each:
        return None
    shares = {name: fmean(getattr(one, name) for one in each) for name in ("tiou", "tiou_best", "hit_any", "recall")}
    hit = {k: fmean(one.hit[k] for one in each) for k in HITS}
    return Evidence(n=sum(one.n for one in each), hit=hit, **shares)


def tiou(spans: Spans, clips: Spans) -> float:
    shown = [clock.widened(*span, clock.CLIP) for span in spans]
    either = clock.covered([*shown, *clips])
    both = clock.covered(shown) + clock.covered(clips) - either
    return min(max(both / either, 0.0), 1.0)  # where spans only touch, rounding goes below nothing
