"""Windows over the frame, and the one that CLIP finds most like a text.

The thing that is asked for often lies on the table too, so a text alone cannot tell it from the one in the hand. Hence
a term for where hands are: in video from a head they come from below, so a window scores up to `prior` more the lower
its centre lies.
"""

from dataclasses import dataclass

import numpy as np

from firsthand.errors import UserError
from firsthand.selection.regions import boxes
from firsthand.selection.regions.finders import Found
from firsthand.selection.regions.shown import Pictures, Shown
from firsthand.similarity import Similarity

APART = 0.1  # windows that overlap less show something else


@dataclass
class ClipGrid:
    similarity: Similarity
    text: str  # with {question}, {answer} and the names of the row's labels
    prior: float
    name: str = "clip_grid"

    @property
    def model(self) -> str:
        return self.similarity.model

    def find(self, row: Shown, pictures: Pictures) -> Found:
        tried = boxes.windows(pictures.size)
        [wanted] = self.similarity.texts([text_of(row, self.text)])
        crops = [frame.crop(tuple(box)) for frame in pictures.frames for box in np.rint(tried).astype(int)]
        alike = (self.similarity.images(crops) @ wanted).reshape(len(pictures.frames), len(tried))
        scores = alike + self.prior * (tried[:, 1] + tried[:, 3]) / 2 / pictures.size[1]
        best = scores.argmax(1)
        frame = int(scores.max(1).argmax())
        chosen = tried[best[frame]]
        others = scores[frame][boxes.iou(chosen, tried) < APART]
        margin = float(scores[frame].max() - others.max()) if len(others) else None
        return Found(tuple(boxes.as_box(tried[one]) for one in best), (frame, boxes.as_box(chosen)), margin)


def text_of(row: Shown, template: str) -> str:
    question = row.question
    answer = question.options.get(question.answer or "", question.answer)
    known = {**question.labels, "question": question.question, "answer": answer}
    try:
        filled = {name: known[name] for name in known if "{" + name + "}" in template}
        text = template.format(**filled)
    except (KeyError, IndexError, ValueError) as error:
        raise UserError(f"--text {template!r}: no {error}; a row has {', '.join(sorted(known))}") from None
    if missing := [name for name, value in filled.items() if not value]:
        raise UserError(f"the row has no {missing[0]}, which --text asks for")
    return text
