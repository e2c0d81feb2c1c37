"""Is a row worth training on? A gate learns of every group of rollouts and says whether its row is let in."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Gate(Protocol):
    def admit(self, id: str) -> bool: ...
    def observe(self, id: str, rewards: Sequence[float]) -> None: ...
    def metrics(self) -> dict[str, float]: ...
    def state(self) -> dict[str, Any]: ...
    def resume(self, state: Mapping[str, Any]) -> None: ...


class SometimesRight:
    """Rows whose last group was neither all right nor all wrong; a row that was never seen is let in."""

    def __init__(self) -> None:
        self.accuracy: dict[str, float] = {}

    def admit(self, id: str) -> bool:
        return 0 < self.accuracy.get(id, 0.5) < 1

    def observe(self, id: str, rewards: Sequence[float]) -> None:
        self.accuracy[id] = sum(rewards) / len(rewards)

    def metrics(self) -> dict[str, float]:
        open_ = sum(map(self.admit, self.accuracy))
        return {"gate/sometimes_right": open_ / len(self.accuracy)} if self.accuracy else {}

    def state(self) -> dict[str, Any]:
        return {"accuracy": self.accuracy}

    def resume(self, state: Mapping[str, Any]) -> None:
        self.accuracy = dict(state["accuracy"])


class ZeroVariance:
    """GRESO: a row whose last z groups were all worth the same is let in with the probability explore^z."""

    def __init__(self, explore: float = 0.5, seed: int = 0) -> None:
        self.explore, self.seed = explore, seed
        self.idle: dict[str, int] = {}
        self.asked: Counter[str] = Counter()  # a row that is refused is asked for again, with another draw
        self.refused = 0

    def admit(self, id: str) -> bool:
        draw = random.Random(f"{self.seed} {id} {self.asked[id]}").random()
        self.asked[id] += 1
        admitted = draw < self.explore ** self.idle.get(id, 0)
        self.refused += not admitted
        return admitted

    def observe(self, id: str, rewards: Sequence[float]) -> None:
        self.idle[id] = 0 if len(set(rewards)) > 1 else self.idle.get(id, 0) + 1

    def metrics(self) -> dict[str, float]:
        asked = self.asked.total()
        return {"gate/refused": self.refused / asked} if asked else {}

    def state(self) -> dict[str, Any]:
        return {"idle": self.idle, "asked": dict(self.asked), "refused": self.refused}

    def resume(self, state: Mapping[str, Any]) -> None:
        self.idle, self.asked, self.refused = dict(state["idle"]), Counter(state["asked"]), state["refused"]
