"""Video-R1 (COT-165k and 260k), and the pool of Ego3S, which has the same rows and a region of interaction each.

Images and videos. Its five types of problem, and four more that rows in its form may have (math, and where in time and
space something is), decide the last line of the question, and the reward reads the type too.
The answer is taken out of its tags; `process`, the chain of thought, loses its own, because the renderer writes them.

LongViTU, from which that pool is drawn, also has files of its own: the conversations that LLaVA trains on (`video`,
`conversations` of human and gpt), whose exact keys are not verified.
"""

import re
from typing import Any, ClassVar

from firsthand.data.build.options import lettered, split_text
from firsthand.data.build.release import Converter, Place
from firsthand.question import Question, Solved, StyleName
from firsthand.rollout.prompt import TYPED_ASKS

_ANSWER = re.compile(r"\s*<answer>(.*?)</answer>\s*", re.DOTALL)
_THINK = re.compile(r"\s*<think>(.*?)</think>\s*", re.DOTALL)
_LETTER = re.compile(r"([A-Z])(?:[.):]|\Z)")
_MEDIA_TAGS = re.compile(r"(?<!\s)\s*<(?:image|video)>\s*")


class AboutVideo(Converter):
    """Questions about a video file, with options or without."""

    style: ClassVar[StyleName] = "video_r1"
    video_files = True

    def about(
        self, id: Any, question: str, options: dict[str, str], answer: str, video: str, **labels: str | None
    ) -> Question:
        kind = "multiple choice" if options else "free-form"
        return self.question(
            id,
            question,
            options=options,
            answer=solution(answer, options),
            video_file=video.removeprefix("./"),
            labels={"problem_type": kind, **labels},
        )


class VideoR1(AboutVideo):
    data_source = "video_r1"

    def convert(self, row: dict[str, Any], place: Place) -> Question | Solved:
        kind, medium, path = row["problem_type"], row["data_type"], row["path"].removeprefix("./")
        if kind not in TYPED_ASKS:
            raise ValueError(f"problem_type {kind!r} is not one of {', '.join(TYPED_ASKS)}")
        if medium not in ("image", "video"):
            raise ValueError(f"data_type {medium!r} is neither image nor video")
        options = lettered(row["options"]) if kind == "multiple choice" else {}
        if kind == "multiple choice" and not options:
            raise ValueError("multiple choice without options")
        question = self.question(
            row["problem_id"],
            row["problem"],
            options=options,
            answer=solution(row["solution"], options),
            images=[path] if medium == "image" else [],
            video_file=path if medium == "video" else None,
            labels={
                "problem_type": kind,
                "data_type": medium,
                "origin": row.get("data_source"),
                "roi_path": row.get("roi_path"),
            },
        )
        return Solved(question=question, thought=_thought(row)) if self.purpose == "sft" else question


class LongViTU(VideoR1):
    """Questions about Ego4D: as rows of Ego3S's pool, or as LongViTU's conversations."""

    data_source, style = "longvitu", "ego3s"

    def convert(self, row: dict[str, Any], place: Place) -> Question | Solved:
        if "conversations" not in row:
            return super().convert(row, place)
        asked, answered, *more = row["conversations"]
        if (asked["from"], answered["from"]) != ("human", "gpt") or more:
            raise ValueError("the conversation is not one question of `human` and one answer of `gpt`")
        question, options = split_text(untagged(asked["value"]))
        labels = {"data_type": "video", "origin": self.data_source, "roi_path": None}
        return self.about(row.get("id", place.row), question, options, answered["value"], row["video"], **labels)


def untagged(text: str) -> str:
    """`text` without the placeholders of its media."""
    return _MEDIA_TAGS.sub("", text).strip()


def solution(text: str, options: dict[str, str]) -> str:
    """What stands in the answer tags; of a choice its letter alone."""
    found = _ANSWER.fullmatch(text)
    answer = (found[1] if found else text).strip()
    if options and (letter := _LETTER.match(answer)):
        return letter[1]
    return answer


def _thought(row: dict[str, Any]) -> str:
    text = row["process"]
    found = _THINK.fullmatch(text)
    thought = (found[1] if found else text).strip()
    if not thought or "<think>" in thought or "<answer>" in thought:
        raise ValueError("process is not a single chain of thought")
    return thought
