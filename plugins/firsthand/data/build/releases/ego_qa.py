"""Questions about a week of one person: EgoLifeQA, Ego-QA, Ego-R1 Bench and the toy week share one schema.

A question is asked at a moment and answered with tools that search what was recorded before it. Annotated times come
in many forms; all are read by `clock`. An id is unique within its file only, so ours begins with the file.
"""

import re
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from firsthand import clock, files
from firsthand.data.build.release import Converter, LeftAside, Place
from firsthand.errors import UserError
from firsthand.question import Question, Split
from firsthand.tools.scope import PEOPLE

LETTERS = "ABCD"
_PERSON = re.compile(r"A[1-6]")


def question_of(row: dict[str, Any], **known: Any) -> Question:
    """The question of one row of the schema; `known` is what its file, its data set or its asker adds."""
    return Question(
        question=row["question"].strip(),
        options={letter: str(row[f"choice_{letter.lower()}"]).strip() for letter in LETTERS},
        answer=row["answer"].strip().upper(),
        query_time=clock.stamp(clock.query_time(row["query_time"])),
        label=row.get("answerable_from"),
        **known,
    )


class EgoQA(Converter):
    """`argument` is the split of all rows; without it they are in the splits of the week."""

    def convert(self, row: dict[str, Any], place: Place) -> Question:
        return question_of(
            row,
            id=f"{PurePosixPath(place.file).with_suffix('')}/{row['ID']}",
            style="ego_r1",
            data_source="ego_r1",
            split=self._split(row),
            identity=row.get("identity") or _identity(place.file),
            labels={
                "type": row.get("type"),
                "target_time": self._target_time(row),
                **{key: str(row[key]) if key in row else None for key in ("need_audio", "need_name")},
            },
        )

    def _split(self, row: dict[str, Any]) -> Split:
        if self.argument:
            return self.argument  # type: ignore[return-value]
        if row["ID"] not in self._splits:
            raise ValueError(f"the question {row['ID']!r} is in no split of splits.json")
        split = self._splits[row["ID"]]
        if (split == "test") != (self.purpose == "eval"):
            raise LeftAside(f"of the {split} split")
        return split

    @cached_property
    def _splits(self) -> dict[str, Split]:
        splits = files.read_json(self.root / "splits.json")
        return {question: split for split, part in splits.items() for question in part["questions"]}

    def _target_time(self, row: dict[str, Any]) -> str | None:
        """Where the evidence lies; no prompt shows it, so a row may do without."""
        if not row.get("target_time"):
            return None
        try:
            spans = clock.target_spans(row["target_time"])
        except UserError:
            self.notes["target_time cannot be read: the row is kept without it"] += 1
            return None
        return " ".join(clock.format_range(*span) for span in spans)


def _identity(file: str) -> str:
    found = _PERSON.search(PurePosixPath(file).name)
    if not found:
        raise ValueError("the row has no identity, and the name of its file does not begin with A1 to A6")
    return PEOPLE[found[0]]
