"""Who and when is for training, development and test.

Test is other people; development is the last day of the people of train. A split is closed: its questions are asked,
have their evidence and their distractors inside its own people and days, so no fact is in two splits.
"""

from dataclasses import dataclass

from firsthand.toy.week import Size

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Block:
    """Some days of one person, all in one split."""

    split: str
    identity: str
    days: tuple[int, ...]


def blocks(size: Size) -> list[Block]:
    """One person makes no test split and one day makes no dev split; both are then empty."""
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
