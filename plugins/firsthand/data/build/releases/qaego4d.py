"""QAEgo4D: questions about long clips of Ego4D, open or (the 500 of the close test set) with three wrong answers.

The wrong answers come without order, so the options are shuffled, by a seed that is the sample's own id.
"""

import random
import re
import string
from typing import Any

from firsthand.data.build.release import Converter, Place
from firsthand.question import Question, Split

FPS = 30  # of the annotated frames
_SPLIT = re.compile(r"(train|val|test)")


class QAEgo4D(Converter):
    def convert(self, row: dict[str, Any], place: Place) -> Question:
        answer, wrong = str(row["answer"]).strip(), row.get("wrong_answers")
        options = {}
        if wrong:
            texts = [answer, *(str(text).strip() for text in wrong)]
            if len(set(texts)) < len(texts):
                raise ValueError(f"the answers are not all different: {texts}")
            random.Random(str(row["sample_id"])).shuffle(texts)
            options = dict(zip(string.ascii_uppercase, texts, strict=False))
            answer = next(letter for letter, text in options.items() if text == answer)
        start, end = (row.get(f"moment_{edge}_frame") for edge in ("start", "end"))
        return Question(
            id=str(row["sample_id"]),
            question=row["question"].strip(),
            options=options,
            answer=answer,
            video_file=f"clips/{row['video_id']}.mp4",
            style="video_r1",
            data_source="qaego4d",
            split=self._split(place),
            labels={
                "problem_type": "multiple choice" if options else "free-form",
                "evidence_seconds": None if start is None or end is None else f"{start / FPS:.2f}-{end / FPS:.2f}",
            },
        )

    def _split(self, place: Place) -> Split:
        found = _SPLIT.search(place.file)
        if not found:
            raise ValueError("the name of the file says neither train, val nor test")
        return {"train": "train", "val": "dev", "test": "test"}[found[1]]  # type: ignore[return-value]
