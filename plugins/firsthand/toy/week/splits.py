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

    split: Split
    identity: str
    days: tuple[int, ...]

    def has(self, moment: float) -> bool:
        return clock.day(moment) in self.days

    def clips(self, week: dict[str, list[Clip]]) -> list[Clip]:
        return [clip for clip in week[self.identity] if self.has(clip.start)]


def blocks(size: Size) -> list[Block]:
    """With one person the test split is empty, with one day the dev split is."""
    people, days = size.identities, tuple(range(1, size.days + 1))
    test = people[-max(1, size.people // 3) :] if size.people > 1 else ()
    result = []
    for identity in people:
        if identity in test or size.days == 1:
            result.append(Block("test" if identity in test else "train", identity, days))
        else:
            result += [Block("train", identity, days[:-1]), Block("dev", identity, days[-1:])]
    return result


def block_at(size: Size, identity: str, moment: float) -> Block | None:
    return next((b for b in blocks(size) if b.identity == identity and b.has(moment)), None)


def assign(
    size: Size, clips: dict[str, list[Clip]], questions: dict[str, list[dict[str, Any]]]
) -> dict[str, dict[str, list[Any]]]:
    """The content of splits.json: blocks, clips and questions of each split."""
    splits: dict[str, dict[str, list[Any]]] = {name: {"blocks": [], "clips": [], "questions": []} for name in SPLITS}
    for block in blocks(size):
        split = splits[block.split]
        split["blocks"].append({"identity": block.identity, "days": list(block.days)})
        split["clips"] += [clip.video for clip in block.clips(clips)]
        asked = questions[block.identity]
        split["questions"] += [row["ID"] for row in asked if block.has(clock.from_question(row["query_time"]))]
    return splits
