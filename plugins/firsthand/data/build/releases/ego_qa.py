"""Questions about a week of one person: EgoLifeQA, Ego-QA, Ego-R1 Bench and the toy week share one schema.

A question is asked at a moment and answered with tools that search what was recorded before it. Annotated times come
in many forms; all are read by `clock`. An id is unique within its file only, so ours begins with the file.
"""

import re
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from firsthand import clock, files
from firsthand.data.build.options import by_letter
from firsthand.data.build.release import Converter, LeftAside, Place
from firsthand.errors import UserError
from firsthand.media.names import person
from firsthand.question import Question, Split

_PERSON = re.compile(r"A[1-6]")


def question_of(row: dict[str, Any], **known: Any) -> Question:
    """The question of one row of the schema; `known` is what its file, its data set or its asker adds."""
    known = {"identity": row.get("identity"), **known}
    return Question(
        question=row["question"].strip(),
        options=by_letter([str(row[f"choice_{letter}"]) for letter in "abcd"]),
        answer=row["answer"].strip().upper(),
        query_time=clock.stamp(clock.query_time(row["query_time"])),
        label=row.get("answerable_from"),
        **known,
    )


def evidence(row: dict[str, Any]) -> dict[str, str | None]:
    """The labels that say of what type a question is, and where its evidence lies; no prompt shows them."""
    spans = clock.target_spans(row["target_time"]) if row.get("target_time") else []
    return {"type": row.get("type"), "target_time": " ".join(clock.format_range(*span) for span in spans) or None}


class EgoQA(Converter):
    style, data_source = "ego_r1", "ego_r1"

    def convert(self, row: dict[str, Any], place: Place) -> Question:
        return question_of(
            row,
            id=place.named(row["ID"]),
            style=self.style,
            data_source=self.data_source,
            split=self.split_of(row),
            identity=row.get("identity") or _identity(place.file),
            labels=self._evidence(row)
            | {key: str(row[key]) if key in row else None for key in ("need_audio", "need_name")},
        )

    def split_of(self, row: dict[str, Any]) -> Split:
        return self.split

    def _evidence(self, row: dict[str, Any]) -> dict[str, str | None]:
        try:
            return evidence(row)
        except UserError:
            self.notes["target_time cannot be read: the row is kept without it"] += 1
            return evidence(row | {"target_time": None})


class EgoTest(EgoQA):
    split = "test"


class ToyWeek(EgoQA):
    """Its questions are in the splits of the week."""

    def split_of(self, row: dict[str, Any]) -> Split:
        if row["ID"] not in self._splits:
            raise ValueError(f"the question {row['ID']!r} is missing from the splits of splits.json")
        split = self._splits[row["ID"]]
        if (split == "test") != (self.purpose == "eval"):
            raise LeftAside(f"of the {split} split")
        return split

    @cached_property
    def _splits(self) -> dict[str, Split]:
        splits = files.read_json(self.root / "splits.json")
        return {question: split for split, part in splits.items() for question in part["questions"]}


def _identity(file: str) -> str:
    found = _PERSON.search(PurePosixPath(file).name)
    if not found:
        raise ValueError("the row has no identity, and the name of its file does not begin with A1 to A6")
    return person(found[0])
