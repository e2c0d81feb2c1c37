"""Which people and days are for training, development and test.

Test is other people; development is the last day of the people of train. A split is closed: its questions are asked,
have their evidence and their distractors inside its own people and days, so no fact is in two splits.
"""

from dataclasses import dataclass
from typing import Any

from firsthand import clock
from firsthand.question import Split
from firsthand.toy.week.plan import Clip, Size

SPLITS: tuple[Split, ...] = ("train", "dev", "test")


@dataclass(frozen=True)
class Block:
    """Some days of one person, all in one split."""

    split: str
    identity: str
    days: tuple[int, ...]


def blocks(size: Size) -> list[Block]:
    """With one person the test split is empty, with one day the dev split is."""
    people, days = size.identities, tuple(range(1, size.days + 1))
    test = people[-max(1, size.people // 3) :] if size.people > 1 else ()
    result = []
    for identity in people:
        if identity in test:
            result.append(Block("test", identity, days))
        elif size.days > 1:
            result += [Block("train", identity, days[:-1]), Block("dev", identity, days[-1:])]
        else:
            result.append(Block("train", identity, days))
    return result


def block_at(size: Size, identity: str, moment: float) -> Block | None:
    return next((b for b in blocks(size) if b.identity == identity and clock.day(moment) in b.days), None)


def assign(
    size: Size, clips: dict[str, list[Clip]], questions: dict[str, list[dict[str, Any]]]
) -> dict[str, dict[str, list[Any]]]:
    """The content of splits.json: blocks, clips and questions of each split."""
    splits: dict[str, dict[str, list[Any]]] = {name: {"blocks": [], "clips": [], "questions": []} for name in SPLITS}
    for block in blocks(size):
        split = splits[block.split]
        split["blocks"].append({"identity": block.identity, "days": list(block.days)})
        split["clips"] += [c.video for c in clips[block.identity] if clock.day(c.start) in block.days]
        split["questions"] += [
            row["ID"]
            for row in questions[block.identity]
            if clock.day(clock.from_question(row["query_time"])) in block.days
        ]
    return splits
