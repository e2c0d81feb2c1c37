"""The chains that pass every rule; the others are listed with the rule and its reason."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firsthand.chains.chain import Chain, Unusable, question
from firsthand.chains.rules import Settings, rules
from firsthand.files import write_jsonl
from firsthand.question import Question


@dataclass
class Filtered:
    kept: list[Chain] = field(default_factory=list)
    dropped: list[dict[str, Any]] = field(default_factory=list)

    @property
    def counts(self) -> Counter[str]:
        return Counter(row["rule"] for row in self.dropped)

    def sort(self, chain: Chain, dropped: tuple[str, str] | None) -> None:
        """`dropped` is the rule that drops the chain, and why."""
        if dropped is None:
            self.kept.append(chain)
        else:
            where = {"file": str(chain.file), "row": chain.row}
            self.dropped.append({"id": chain.episode.id, "rule": dropped[0], "why": dropped[1], **where})


def filter_chains(
    chains: Iterable[Chain],
    settings: Settings,
    skip: Collection[str],
    guessed: Callable[[list[Question]], set[str]] | None = None,
) -> Filtered:
    """`guessed` costs calls of a model, so it sees only the chains that pass the other rules."""
    result, used = Filtered(), {name: rule for name, rule in rules(settings).items() if name not in skip}
    for chain in chains:
        try:
            question(chain.episode, "ego_r1")
            dropped = next(((name, why) for name, rule in used.items() if (why := rule(chain.episode))), None)
        except Unusable as why:
            dropped = "question", str(why)
        result.sort(chain, dropped)
    if guessed:
        lucky = guessed([question(chain.episode, "ego_r1") for chain in result.kept])
        left, result.kept = result.kept, []
        reason = "guess", "the bare question was answered right every time"
        for chain in left:
            result.sort(chain, reason if chain.episode.question_id in lucky else None)
    return result


def write(result: Filtered, out: Path) -> Path:
    """Writes the kept chains, and beside them the list of the others; returns the path of the list."""
    dropped = Path(f"{out}.dropped.jsonl")
    write_jsonl(dropped, result.dropped)
    write_jsonl(out, (chain.episode.model_dump() for chain in result.kept))
    return dropped
