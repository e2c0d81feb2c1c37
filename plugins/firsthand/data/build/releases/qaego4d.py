"""QAEgo4D: questions about long clips of Ego4D, open or (the 500 of the close test set) with three wrong answers.

The wrong answers come without order, so the options are shuffled, by a seed that is the sample's own id.
"""

import random
import re
from typing import Any, ClassVar

from firsthand.data.build.options import by_letter
from firsthand.data.build.release import EGO4D_TERMS, NOT_TO_TRAIN_ON, Place, Release
from firsthand.data.build.releases.video_r1 import AboutVideo
from firsthand.question import Question, Split

FPS = 30  # of the annotated frames
CLOSE = (
    "an open question; build the eval rows from annotations.QaEgo4D_test_close.json of Hugging Face "
    "Becomebright/GroundVQA, or build qaego4d_open"
)
_SPLIT = re.compile(r"(train|val|test)")


class QAEgo4D(AboutVideo):
    data_source = "qaego4d"
    open: ClassVar[bool] = False

    def convert(self, row: dict[str, Any], place: Place) -> Question:
        answer, options = str(row["answer"]).strip(), {} if self.open else _options(row)
        if not options and self.purpose == "eval" and not self.open:
            raise ValueError(CLOSE)
        if options:
            answer = next(letter for letter, text in options.items() if text == answer)
        start, end = (row.get(f"moment_{edge}_frame") for edge in ("start", "end"))
        seconds = None if start is None or end is None else f"{start / FPS:.2f}-{end / FPS:.2f}"
        video = f"clips/{row['video_id']}.mp4"
        question = self.about(row["sample_id"], row["question"], options, answer, video, evidence_seconds=seconds)
        question.split = _split(place.file)
        return question


class Open(QAEgo4D):
    """The test set in one's own words."""

    open = True


def _options(row: dict[str, Any]) -> dict[str, str]:
    if not row.get("wrong_answers"):
        return {}
    texts = [str(text).strip() for text in (row["answer"], *row["wrong_answers"])]
    if len(set(texts)) < len(texts):
        raise ValueError(f"the answers are not all different: {texts}")
    random.Random(str(row["sample_id"])).shuffle(texts)
    return by_letter(texts)


def _split(file: str) -> Split:
    found = _SPLIT.search(file)
    if not found:
        raise ValueError("the name of the file says neither train, val nor test")
    return {"train": "train", "val": "dev", "test": "test"}[found[1]]  # type: ignore[return-value]


RELEASES = (
    Release(
        name="qaego4d_open",
        family="qaego4d",
        about="QAEgo4D, the test set: open questions about Ego4D's clips",
        converter=Open,
        inputs={"eval": ("annotations.test.json", "**/annotations.QaEgo4D_test.json")},
        metrics=("exact", "ROUGE-L", "METEOR", "BLEU", "judge (firsthand)"),
        licence="annotations as stated by lbaermann/qaego4d",
        terms=f"{EGO4D_TERMS} {NOT_TO_TRAIN_ON}",
        home="GitHub lbaermann/qaego4d (its answers by a form; its script merges them with Ego4D's NLQ)",
        media="Ego4D's clips, as clips/<clip uid>.mp4",
    ),
)
