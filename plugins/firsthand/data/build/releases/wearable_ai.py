"""Meta's Wearable AI challenge: EgoLongQA, EgoConv and EgoProactive, the public validation rows of each.

A row of EgoProactive is a session: `dialog[j]` is what was said before moment j, so `dialog[j + 1]` gives the answer of
moment j away. A question about moment j is made of nothing later than `dialog[j]` and interval j. The labels before it
do stand in the dialogue: looking at them alone gives a macro-F1 of 0.68, which every table shows beside the score.
"""

from collections.abc import Iterator
from typing import Any

from firsthand.data.build.options import split_text
from firsthand.data.build.release import NOT_TO_TRAIN_ON, Converter, Hub, Place, Release
from firsthand.question import Question

INTERRUPT, SILENT = "$interrupt$", "$silent$"  # how an answer begins
TURNS = 4  # of the dialogue that is shown, as in the starter kit
SPEAK = (
    "You are the assistant of somebody who wears a camera, and watch along. The video ends now. Decide whether to "
    f"speak at this moment. If yes, reply with {INTERRUPT} and what you say; if not, reply with {SILENT} alone."
)
TALK = "You are the assistant of somebody who wears a camera. The video ends now. Answer what you are asked, briefly."


class _Session(Converter):
    style, split, video_files = "direct", "test", True

    def about(self, row: dict[str, Any], place: Place, number: int, question: str, **fields: Any) -> Question:
        """One of several questions about a video."""
        fields["labels"] = {"task": row.get("task"), "session": str(place.row)} | fields.get("labels", {})
        return self.question(f"{place.row}/{number}", question, video_file=f"val/{row['video_path']}", **fields)


class EgoLongQA(_Session):
    data_source = "egolongqa"

    def convert(self, row: dict[str, Any], place: Place) -> Question:
        _, options = split_text(f"?\n{row['mcq_options']}")
        if not options:
            raise ValueError(f"no options in {row['mcq_options']!r}")
        return self.question(
            str(place.row),
            row["question"],
            options=options,
            answer=row["mcq_answer"].strip(),
            video_file=f"val/{row['video_path']}",
            labels={
                "problem_type": "multiple choice", "category": row["category"], "source_video": row["video_path"],
                "reference": row["answer"],
            },
        )  # fmt: skip


class EgoProactive(_Session):
    data_source = "egoproactive"

    def convert(self, row: dict[str, Any], place: Place) -> list[Question]:
        intervals, answers = row["video_intervals"], row["answers"]
        if not len(intervals) == len(answers) == len(row["dialog"]):
            raise ValueError(f"{len(intervals)} intervals, {len(answers)} answers and {len(row['dialog'])} dialogues")
        if odd := [answer for answer in answers if not answer.startswith((INTERRUPT, SILENT))]:
            raise ValueError(f"answer {odd[0]!r} begins with neither {INTERRUPT} nor {SILENT}")
        return [
            self.about(
                row,
                place,
                j,
                "\n".join([row["query"].strip(), *_lines(row["dialog"][j][-TURNS:]), "Speak now, or stay silent?"]),
                answer=answers[j],
                span=[intervals[max(0, j - 1)][0], intervals[j][1]],  # two intervals, as in the starter kit
                system=SPEAK,
                labels={"domain": row["domain"]},
            )
            for j in range(len(answers))
        ]


class EgoConv(_Session):
    data_source = "egoconv"

    def convert(self, row: dict[str, Any], place: Place) -> list[Question]:
        intervals, questions, answers = (row[key] for key in ("video_intervals", "questions", "answers"))
        if not len(intervals) == len(questions) == len(answers):
            raise ValueError(f"{len(intervals)} intervals, {len(questions)} questions and {len(answers)} answers")
        kinds = [turn["question_type"] for turn in row["dialog"] if turn.get("question_type")]
        return [
            self.about(
                row,
                place,
                n,
                question,
                answer=answer,
                span=[intervals[0][0], intervals[n][1]],
                system=TALK,
                labels={
                    "follows": f"{place.row}/{n - 1}" if n else None,
                    "question_type": kinds[n] if len(kinds) == len(questions) else None,
                },
            )
            for n, (question, answer) in enumerate(zip(questions, answers, strict=True))
        ]


def _lines(dialog: list[dict[str, str]]) -> Iterator[str]:
    return (f"{turn['role']}: {turn['text']}" for turn in dialog)


def _release(name: str, about: str, converter: type[Converter], questions: int | None, **scored: Any) -> Release:
    return Release(
        name=name,
        family="wearable_ai",
        about=f"Wearable AI challenge, validation: {about}",
        converter=converter,
        inputs={"eval": (f"wearable_ai_2026_{name}_val_700.jsonl",)},
        rows=questions,
        counts={"all": questions} if questions else {},
        licence="CC BY-NC 4.0, as stated on the owner's card (not verified)",
        terms=f"Behind a form of its owner. {NOT_TO_TRAIN_ON}",
        home="Hugging Face facebook/wearable-ai (ask for access there first)",
        hub=Hub("facebook/wearable-ai", (f"{name}/*",)),
        media=f"in the release, as {name}/val/<video_path>",
        **scored,
    )


_IN_SESSIONS = {"by": ("task",), "cluster": "session"}
RELEASES = (
    _release(
        "egolongqa",
        "700 questions with four options about ten minutes each",
        EgoLongQA,
        700,
        metrics=("choice",),
        by=("category",),
        cluster="source_video",
    ),
    _release(
        "egoproactive",
        "speak or stay silent, 9,935 moments of 700 sessions",
        EgoProactive,
        9935,
        metrics=("macro-F1", "G-mean F1"),
        **_IN_SESSIONS,
    ),
    _release(
        "egoconv",
        "700 conversations about a video, turn by turn",
        EgoConv,
        None,
        metrics=("BLEU", "judge (egoconv)"),
        **_IN_SESSIONS,
    ),
)
