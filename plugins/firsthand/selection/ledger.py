"""The ledger: every row of the pool on one line, with its scores and why it was kept or not."""

from typing import Any, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field

from firsthand.selection.pool import Row
from firsthand.selection.rules import CONDITIONS, Condition, Fine, Scores, Seen, drop_of, gain_of

KEPT = "kept"
SOLVED_BLIND = "solved blind"
NEVER_SOLVED = "never solved"
NO_GAIN = "no gain from the video"
NO_DROP = "no drop without the region"
BELOW_SHARE = "below the share"
NO_REGION = "region missing"
NO_MEDIUM = "no medium"
UNDECODABLE = "medium undecodable"
UNREADABLE = "row unreadable"
REFUSED = "refused by the server"
UNANSWERED = "unanswered"  # a server failed: a second run asks again


class Verdict(NamedTuple):
    kept: bool
    reason: str


class Thought(BaseModel):
    """Of the longest right answer to the full question: what s1 and LIMO rank by."""

    words: int = 0
    checks: int = 0  # of what was said before


class Entry(BaseModel):
    """A row with what was seen of it. `reason` and `why` are set where it could not be asked."""

    model_config = ConfigDict(extra="forbid")
    id: str
    number: int
    label: str = ""
    scores: Scores = Field(default_factory=lambda: {condition: Seen() for condition in CONDITIONS})
    thought: Thought = Thought()
    reason: str = ""
    why: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    requests: int = 0


def sketch(row: Row) -> Entry:
    """A row of which nothing was seen so far."""
    reason = UNREADABLE if row.asked is None else ""
    return Entry(id=row.id, number=row.number, label=row.label, reason=reason, why=row.problem)


class Method(Protocol):
    """How rows are chosen: which samples it needs, and what it makes of them."""

    @property
    def conditions(self) -> tuple[Condition, ...]: ...
    @property
    def samples(self) -> int: ...
    @property
    def fine(self) -> Fine | None: ...


def line_of(entry: Entry, verdict: Verdict, method: Method) -> dict[str, Any]:
    """As it stands in the file: flat names for the filter language, then the samples themselves."""
    scores = entry.scores
    return {
        "id": entry.id,
        "number": entry.number,
        "label": entry.label,
        "kept": verdict.kept,
        "reason": verdict.reason,
        "why": entry.why,
        **{condition: scores[condition].right for condition in CONDITIONS},
        "gain": gain_of(scores),
        "drop": drop_of(scores, method.fine),
        "stopped_early": not entry.reason and any(len(scores[one]) < method.samples for one in method.conditions),
        "samples": {condition: seen.model_dump() for condition, seen in scores.items() if len(seen)},
        "thought": entry.thought.model_dump(),
        "requests": entry.requests,
        "prompt_tokens": entry.prompt_tokens,
        "completion_tokens": entry.completion_tokens,
    }
