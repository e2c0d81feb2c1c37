"""What is looked at next: the slice of the pool that is scored again with the policy of today."""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol


class Sampler(Protocol):
    def next(self, count: int) -> list[str]: ...
    def observe(self, step: int, ids: Iterable[str]) -> None: ...
    def metrics(self) -> dict[str, float]: ...
    def state(self) -> dict[str, Any]: ...
    def resume(self, state: Mapping[str, Any]) -> None: ...


class LeastRecent:
    """Rows that were never scored first, then those whose scores are the oldest; equal ones by chance.

    So every row of a pool has its turn, however large the pool and small the slice.
    """

    def __init__(self, ids: Sequence[str], seed: int = 0) -> None:
        self.ids, self.seed = ids, seed
        self.scored_at: dict[str, int] = {}

    def next(self, count: int) -> list[str]:
        def order(id: str) -> tuple[int, float]:
            return self.scored_at.get(id, -1), random.Random(f"{self.seed} {id}").random()

        return sorted(self.ids, key=order)[:count]

    def observe(self, step: int, ids: Iterable[str]) -> None:
        self.scored_at |= dict.fromkeys(ids, step)

    def metrics(self) -> dict[str, float]:
        return {"sampler/scored": len(self.scored_at) / len(self.ids)} if self.ids else {}

    def state(self) -> dict[str, Any]:
        return {"scored_at": self.scored_at}

    def resume(self, state: Mapping[str, Any]) -> None:
        self.scored_at = dict(state["scored_at"])
