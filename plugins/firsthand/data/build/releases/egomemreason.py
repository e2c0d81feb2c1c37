"""EgoMemReason: 500 questions about the week of A1_JAKE, with four to ten options; the answers are its owner's.

Its second version put the options in another order, so an answer belongs to one file of annotations only. Each row
names the hash of its file, and a submission for another file is refused.
"""

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from firsthand import clock
from firsthand.data.build.release import NOT_TO_TRAIN_ON, Converter, Hub, Place, Release
from firsthand.question import Question

TYPES = {
    "Cumulative State Tracking": 100, "Temporal Counting": 100, "Event Ordering": 100, "Event Linking": 100,
    "Spatial Preference": 50, "Activity Pattern": 50,
}  # fmt: skip
_TIME = re.compile(r"DAY(\d+), (\d\d):(\d\d):(\d\d)")


class EgoMemReason(Converter):
    style, data_source, split = "ego_r1", "egomemreason", "test"

    def convert(self, row: dict[str, Any], place: Place) -> Question:
        if not (asked := _TIME.fullmatch(row["query_time"])):
            raise ValueError(f"query_time {row['query_time']!r} is not of the form `DAY7, 19:00:00`")
        day, *time = asked.groups()
        return self.question(
            row["example_id"],
            row["question"],
            options={letter: str(text) for letter, text in sorted(row["options"].items())},
            answer=None,
            identity=row["identity"],
            query_time=clock.stamp(clock.at(day, f"{''.join(time)}00")),
            labels={"query_type": row["query_type"], "annotations": version(self.root / place.file)},
        )


@cache
def version(annotations: Path) -> str:
    return hashlib.sha256(annotations.read_bytes()).hexdigest()


RELEASES = (
    Release(
        name="egomemreason",
        about="EgoMemReason: 500 questions about the week of A1_JAKE, whose answers are not public",
        converter=EgoMemReason,
        inputs={"eval": ("annotations_public.jsonl", "**/annotations_public.jsonl")},
        rows=500,
        counts={"all": 500} | {f"query_type: {kind}": count for kind, count in TYPES.items()},
        licence="CC BY-NC 4.0 (annotations), as stated on the owner's card (not verified)",
        terms=f"Frames under EgoLife's terms. {NOT_TO_TRAIN_ON}",
        hub=Hub("Ted412/EgoMemReason"),
    ),
)
