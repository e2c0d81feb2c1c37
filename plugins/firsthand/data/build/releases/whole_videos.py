"""EgoSchema and Video-MME (long): questions about one whole video, answered with tools that search and watch it.

A video has elapsed time: it begins at DAY1_00000000, for every tool alike, and the question is asked when it ends. The
row says both, because an agent that asks for times must know which there are. No prompt for agents is published for
these two, so the sentence is ours.
"""

from functools import cached_property
from typing import Any

from firsthand import clock, files
from firsthand.data.build.options import by_letter, lettered
from firsthand.data.build.release import EGO4D_TERMS, NOT_TO_TRAIN_ON, Converter, LeftAside, Place, Release
from firsthand.media.decode import opened
from firsthand.question import Question
from firsthand.tools.scope import END

EGOSCHEMA_SECONDS = 180.0  # of every clip
LETTERS = "ABCDE"


class _WholeVideo(Converter):
    style, split = "ego_r1", "test"

    def question(self, id: Any, question: str, **fields: Any) -> Question:
        return super().question(id, f"The video begins at {_elapsed(0)}. {question.strip()}", **fields)


def _elapsed(seconds: float) -> str:
    return clock.stamp(clock.of_elapsed(seconds))


class EgoSchemaFull(_WholeVideo):
    """All 5,031; the owner scores those without a public answer on a server of its own."""

    data_source = "egoschema"

    def convert(self, row: dict[str, Any], place: Place) -> Question:
        uid = row["q_uid"]
        return self.question(
            uid,
            row["question"],
            options=by_letter([str(row[f"option {number}"]) for number in range(len(LETTERS))]),
            answer=LETTERS[int(self._answers[uid])] if uid in self._answers else None,
            identity=uid,
            query_time=_elapsed(EGOSCHEMA_SECONDS),
        )

    @cached_property
    def _answers(self) -> dict[str, int]:
        return files.read_json(self.root / "subset_answers.json")


class EgoSchema(EgoSchemaFull):
    """The 500 with public answers."""

    def convert(self, row: dict[str, Any], place: Place) -> Question:
        if row["q_uid"] not in self._answers:
            raise LeftAside("its answer is not public")
        return super().convert(row, place)


class VideoMMELong(_WholeVideo):
    data_source = "videomme_long"

    def convert(self, row: dict[str, Any], place: Place) -> Question:
        if row["duration"] != "long":
            raise LeftAside(f"a {row['duration']} video")
        return self.question(
            row["question_id"],
            row["question"],
            options=lettered(list(row["options"])),
            answer=row["answer"].strip(),
            identity=row["videoID"],
            query_time=self._end(row["videoID"]),
            labels={key: row.get(key) for key in ("domain", "sub_category", "task_type")},
        )

    def _end(self, video: str) -> str:
        path = self.root / "videos" / f"{video}.mp4"
        if not path.is_file():
            self.notes[f"no videos/<videoID>.mp4: the row says `{END}` and not how long the video is"] += 1
            return END
        with opened(path) as held:
            _, seconds, _ = held.header()
        return _elapsed(seconds)


RELEASES = (
    Release(
        name="egoschema_full",
        family="egoschema",
        about="EgoSchema: all 5,031 questions; its owner's server scores them",
        converter=EgoSchemaFull,
        inputs={"eval": ("questions.json", "**/questions.json")},
        rows=5031,
        counts={"all": 5031},
        licence="as stated by egoschema/EgoSchema (not verified)",
        terms=f"{EGO4D_TERMS} {NOT_TO_TRAIN_ON}",
        home="GitHub egoschema/EgoSchema",
    ),
)
