"""Video-MME and LongVideoBench: a question with options about one video, with its subtitles or without.

Subtitles stand as text before the question. Upstream, Video-MME shows those of the sampled frames only, and
LongVideoBench puts each before the frame that follows it.
"""

import json
import re
from pathlib import Path
from typing import Any, ClassVar

from firsthand import files
from firsthand.data.build.options import by_letter, lettered
from firsthand.data.build.release import NOT_TO_TRAIN_ON, Converter, Hub, Place, Release
from firsthand.question import Question

_CUES = re.compile(r"\n\s*\n")  # of an .srt file: a number, a line of times with an arrow, and what is said
LETTERS = "ABCDE"


class _AboutVideo(Converter):
    style, split, video_files = "direct", "test", True
    subtitles: ClassVar[bool] = False

    def ask(self, id: str, question: str, options: dict[str, str], subtitles: str, **fields: Any) -> Question:
        labels = {"problem_type": "multiple choice"} | fields.pop("labels")
        if self.subtitles and (said := self._said(self.root / subtitles)):
            question = f"These are the subtitles of the video.\n{said}\n\n{question.strip()}"
        return self.question(id, question, options=options, labels=labels, **fields)

    def _said(self, path: Path) -> str:
        if not path.is_file():
            self.notes["no file of subtitles: asked without"] += 1
            return ""
        text = files.read_text(path)
        if path.suffix == ".json":
            lines = [str(one.get("text") or one.get("line") or "") for one in json.loads(text)]
        else:
            lines = [line for cue in _CUES.split(text) for line in cue.partition("-->")[2].splitlines()[1:]]
        return "\n".join(filter(None, map(str.strip, lines)))


class VideoMME(_AboutVideo):
    data_source = "videomme"

    def convert(self, row: dict[str, Any], place: Place) -> Question:
        return self.ask(
            row["question_id"],
            row["question"],
            lettered(list(row["options"])),
            f"subtitle/{row['videoID']}.srt",
            answer=row["answer"].strip(),
            video_file=f"videos/{row['videoID']}.mp4",
            labels={key: row.get(key) for key in ("duration", "domain", "sub_category", "task_type", "videoID")},
        )


class VideoMMESubtitles(VideoMME):
    subtitles = True


class LongVideoBench(_AboutVideo):
    data_source = "longvideobench"

    def convert(self, row: dict[str, Any], place: Place) -> Question:
        return self.ask(
            row["id"],
            row["question"],
            by_letter([str(text) for text in row["candidates"]]),
            f"subtitles/{row['subtitle_path']}",
            answer=LETTERS[row["correct_choice"]],
            video_file=f"videos/{row['video_path']}",
            labels={key: str(row[key]) for key in ("duration_group", "question_category", "video_path")},
        )


class LongVideoBenchSubtitles(LongVideoBench):
    subtitles = True


def _videomme(name: str, about: str, converter: type[Converter]) -> Release:
    return Release(
        name=name,
        family="videomme",
        about=f"Video-MME: 2,700 questions about 900 short, medium and long videos, {about}",
        converter=converter,
        inputs={"eval": ("videomme/test*.parquet", "**/videomme/test*.parquet")},
        rows=2700,
        counts={"all": 2700, "duration: short": 900, "duration: medium": 900, "duration: long": 900},
        metrics=("choice",),
        by=("duration", "task_type"),
        cluster="videoID",
        licence="for academic research only, not to be passed on",
        terms=f"{NOT_TO_TRAIN_ON} The videos are their owners'.",
        hub=Hub("lmms-lab/Video-MME"),
        media="in the release's archives, as videos/<videoID>.mp4 and subtitle/<videoID>.srt",
    )


def _longvideobench(name: str, about: str, converter: type[Converter]) -> Release:
    return Release(
        name=name,
        family="longvideobench",
        about=f"LongVideoBench, validation: 1,337 questions with two to five options, {about}",
        converter=converter,
        inputs={"eval": ("lvb_val.json", "**/lvb_val.json")},
        rows=1337,
        counts={"all": 1337},
        metrics=("choice",),
        by=("duration_group", "question_category"),
        cluster="video_path",
        terms=f"{NOT_TO_TRAIN_ON} The videos are their owners'.",
        home="Hugging Face longvideobench/LongVideoBench (ask for access there first)",
        hub=Hub("longvideobench/LongVideoBench"),
        media="in the release's archives, as videos/ and subtitles/",
    )


RELEASES = (
    _videomme("videomme", "without subtitles", VideoMME),
    _videomme("videomme_subtitles", "with subtitles", VideoMMESubtitles),
    _longvideobench("longvideobench", "without subtitles", LongVideoBench),
    _longvideobench("longvideobench_subtitles", "with subtitles", LongVideoBenchSubtitles),
)
