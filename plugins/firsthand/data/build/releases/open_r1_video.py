"""Open-R1-Video: 4k questions about videos of LLaVA-Video, whose own `problem` and `solution` are damaged.

`problem` was cut at the first "Please", which also cuts questions that hold the word, and `solution` is the first two
characters of the answer, which is half a word where the answer is no letter. `original_question` and `original_answer`
are whole: they are what is read here. Paths are absolute in the release; what follows the folder of the videos stays.
"""

import re
from typing import Any

from firsthand.data.build.options import split_text
from firsthand.data.build.release import Converter, Place
from firsthand.data.build.releases.video_r1 import solution
from firsthand.question import Question

FOLDER = "LLaVA-Video-large-swift/"  # of the videos, in the owner's hub and in the paths
_MEDIA_TAGS = re.compile(r"\s*<(?:image|video)>\s*")
_INSTRUCTION = re.compile(r"\n\s*Please (?:respond|answer|provide)[^\n]*\Z", re.IGNORECASE)


class OpenR1Video(Converter):
    def convert(self, row: dict[str, Any], place: Place) -> Question:
        text = _MEDIA_TAGS.sub("", row["original_question"]).strip()
        question, options = split_text(_INSTRUCTION.sub("", text))
        return Question(
            id=str(place.row),
            question=question,
            options=options,
            answer=solution(row["original_answer"], options),
            video_file=_relative(row["video"]),
            style="video_r1",
            data_source="open_r1_video",
            split="train",
            labels={"problem_type": "multiple choice" if options else "free-form"},
        )


def _relative(path: str) -> str:
    _, folder, rest = path.rpartition(FOLDER)
    if not folder and path.startswith("/"):
        raise ValueError(f"the video {path} lies outside a folder {FOLDER.rstrip('/')}")
    return rest
