"""LongViTU: questions about Ego4D, the source of Ego3S's pool: as that pool's rows, or as LongViTU's conversations.

Ego3S's rows are Video-R1's with a region of interaction. LongViTU's own files are the conversations that LLaVA trains
on (`video`, `conversations` of human and gpt); their exact keys are not verified.
"""

import re
from typing import Any

from firsthand.data.build.options import split_text
from firsthand.data.build.release import Place
from firsthand.data.build.releases.video_r1 import VideoR1, solution
from firsthand.question import Question, Solved

_MEDIA_TAGS = re.compile(r"\s*<(?:image|video)>\s*")


class LongViTU(VideoR1):
    def convert(self, row: dict[str, Any], place: Place) -> Question | Solved:
        return self._conversation(row, place) if "conversations" in row else super().convert(row, place)

    def _conversation(self, row: dict[str, Any], place: Place) -> Question:
        asked, answered, *more = row["conversations"]
        if (asked["from"], answered["from"]) != ("human", "gpt") or more:
            raise ValueError("the conversation is not one question of `human` and one answer of `gpt`")
        question, options = split_text(_MEDIA_TAGS.sub("", asked["value"]))
        return Question(
            id=str(row.get("id", place.row)),
            question=question,
            options=options,
            answer=solution(answered["value"], options),
            video_file=row["video"].removeprefix("./"),
            style="video_r1",
            data_source=self.argument or "longvitu",
            split="train",
            labels={
                "problem_type": "multiple choice" if options else "free-form",
                "data_type": "video",
                "origin": "longvitu",
                "roi_path": None,
            },
        )
