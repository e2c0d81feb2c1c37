"""A question before its options have letters, and its row in the EgoLifeQA schema."""

from dataclasses import dataclass
from typing import Any

from firsthand import clock

LETTERS = "ABCD"


@dataclass(frozen=True)
class Draft:
    label: str  # answerable_from
    kind: str  # what is asked, so that a selection can take equally many of each
    type: str  # one of the five types of EgoLifeQA
    question: str
    truth: str
    others: tuple[str, ...]  # the three wrong options
    query: float
    keywords: tuple[str, ...]
    reason: str
    targets: tuple[float, ...] = ()
    distractor: str | None = None
    clip: str | None = None
    moment: float | None = None  # seconds into the clip
    last_time: bool = False
    need_name: bool = False

    def row(self, name: str, identity: str, letter: str, others: list[str]) -> dict[str, Any]:
        """`others` are the wrong options, in the order of the letters that remain."""
        options = dict(zip(LETTERS.replace(letter, ""), others, strict=True)) | {letter: self.truth}
        row: dict[str, Any] = {
            "ID": name,
            "query_time": clock.to_question(self.query),
            "type": self.type,
            "need_audio": False,
            "need_name": self.need_name,
            "last_time": self.last_time,
            "trigger": "",
            "question": self.question,
            **{f"choice_{key.lower()}": options[key] for key in LETTERS},
            "answer": letter,
            "target_time": self._target_time(),
            "keywords": ", ".join(self.keywords),
            "reason": self.reason,
            "identity": identity,
            "answerable_from": self.label,
        }
        if self.clip:
            row |= {"clip": self.clip, "moment": self.moment}
        if self.distractor:
            row["distractor"] = next(key for key, option in options.items() if option == self.distractor)
        return row

    def _target_time(self) -> dict[str, Any] | None:
        """One moment, or a `time_list` where an answer needs several of one day, as EgoLifeQA writes them."""
        if len(self.targets) < 2:
            return clock.to_question(self.targets[0]) if self.targets else None
        return {"date": clock.date(self.targets[0]), "time_list": [clock.time(target) for target in self.targets]}
