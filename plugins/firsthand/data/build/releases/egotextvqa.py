"""EgoTextVQA: open questions about text in view, indoors (EgoSchema's clips) and outdoors (driving videos).

An annotation says when each question is asked. The real-time setting shows nothing from that moment on; the other two
show the whole video, as published. The real-time questions are those that are asked several times (8.1, 8.2, ...), of
which the first two askings are counted: this gives the published 623 questions about 248 videos, and is read off the
file, not stated by its owner.
"""

from typing import Any

from firsthand.data.build.release import NOT_TO_TRAIN_ON, Converter, Hub, LeftAside, Place, Release
from firsthand.question import Question

SYSTEM = (
    "You watch first-person video. Answer the question about it briefly, with a word, a phrase or a short sentence. If "
    "the video does not tell, answer unanswerable. Give only the answer inside <answer> </answer>."
)


class EgoTextVQA(Converter):
    style, data_source, split, video_files = "direct", "egotextvqa", "test", True

    def convert(self, row: dict[str, Any], place: Place) -> Question:
        return self.question(
            f"{row['video_id']}/{row['question_id']}",
            row["question"],
            answer=str(row["correct_answer"]).strip(),
            video_file=f"videos/{row['video_id']}.mp4",
            span=self.span(row),
            system=SYSTEM,
            labels={
                "question_type": row["question_type"],
                "source_video": str(row["video_id"]),
                "asked_at": str(row["timestamp"]),
            },
        )

    def span(self, row: dict[str, Any]) -> list[float] | None:
        return None


class RealTime(EgoTextVQA):
    def span(self, row: dict[str, Any]) -> list[float] | None:
        if round(float(row["question_id"]) % 1, 1) not in (0.1, 0.2):
            raise LeftAside("not of the real-time subset")
        return [0.0, float(row["timestamp"])]


INDOOR = {"hands-on": 698, "shopping": 358, "kitchen": 335, "book-related": 323, "gameplay": 301, "others": 201}
OUTDOOR = {"location": 1505, "description": 1387, "direction": 952, "intention reasoning": 813, "others": 191}


def _release(name: str, about: str, where: str, counts: dict[str, int], converter: type[Converter]) -> Release:
    clips = {"indoor": "EgoSchema's clips, as videos/<q_uid>.mp4", "outdoor": "RoadTextVQA's, as videos/<number>.mp4"}
    return Release(
        name=f"egotextvqa_{name}",
        family="egotextvqa",
        about=f"EgoTextVQA, {about}",
        converter=converter,
        inputs={"eval": (f"data/egotextvqa_{where}/total.json", f"{where}_total.json")},
        under="data",
        rows={"indoor": 2216, "outdoor": 4848}[where],
        counts=counts,
        metrics=("exact", "ROUGE-L", "judge (egotextvqa)"),
        by=("question_type",),
        cluster="source_video",
        licence="MIT (annotations), as stated in the owner's repository",
        terms=NOT_TO_TRAIN_ON,
        home="GitHub zhousheng97/EgoTextVQA, videos Hugging Face ShengZhou97/EgoTextVQA",
        hub=Hub("ShengZhou97/EgoTextVQA"),
        media=clips[where],
    )


def _typed(counts: dict[str, int]) -> dict[str, int]:
    return {"all": sum(counts.values())} | {f"question_type: {kind}": count for kind, count in counts.items()}


RELEASES = (
    _release("indoor", "indoors: 2,216 open questions about text in view", "indoor", _typed(INDOOR), EgoTextVQA),
    _release("outdoor", "outdoors: 4,848 open questions about text in view", "outdoor", _typed(OUTDOOR), EgoTextVQA),
    _release(
        "realtime", "outdoors: 623 questions, each at the end of what is shown", "outdoor", {"all": 623}, RealTime
    ),
)
