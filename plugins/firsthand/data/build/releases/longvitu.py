"""LongViTU: questions about Ego4D, the source of Ego3S's pool: as that pool's rows, or as LongViTU's conversations.

Ego3S's rows are Video-R1's with a region of interaction. LongViTU's own files are the conversations that LLaVA trains
on (`video`, `conversations` of human and gpt); their exact keys are not verified.
"""

from typing import Any

from firsthand.data.build.release import Place
from firsthand.data.build.releases.video_r1 import VideoR1, untagged
from firsthand.question import Question, Solved


class LongViTU(VideoR1):
    data_source = "longvitu"

    def convert(self, row: dict[str, Any], place: Place) -> Question | Solved:
        if "conversations" not in row:
            return super().convert(row, place)
        asked, answered, *more = row["conversations"]
        if (asked["from"], answered["from"]) != ("human", "gpt") or more:
            raise ValueError("the conversation is not one question of `human` and one answer of `gpt`")
        labels = {"data_type": "video", "origin": self.data_source, "roi_path": None}
        return self.about(row.get("id", place.row), untagged(asked["value"]), answered["value"], row["video"], **labels)
