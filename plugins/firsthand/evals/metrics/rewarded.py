"""Numbers, formulas, spans, boxes and points, read and paid by the reward functions: training and scoring agree."""

from dataclasses import dataclass

from firsthand.evals.rows import Gold, Prediction
from firsthand.reward_fns import formulas, grounding, numeric, texts
from firsthand.reward_fns.by_type import STRICT
from firsthand.reward_fns.parts import Part, Sample


@dataclass(frozen=True)
class Rewarded:
    name: str
    part: Part
    unreadable: Part
    libraries: tuple[str, ...] = ()
    needs_letters = False

    def value(self, answer: Prediction, gold: Gold) -> float | None:
        return _value(self.part, self.unreadable, answer, gold)


class ByType:
    """What the reward by type of problem pays (`reward_fns/by_type.py`), by the row's `problem_type`."""

    name = "by type of problem"
    needs_letters = False
    libraries = ("jiwer", "rouge_score.rouge_scorer", "math_verify")

    def value(self, answer: Prediction, gold: Gold) -> float | None:
        kind = gold.group("problem_type")
        part, unreadable = STRICT.get(kind) or STRICT["multiple choice" if gold.letters else "free-form"]
        return _value(part, unreadable, answer, gold)


def _value(part: Part, unreadable: Part, answer: Prediction, gold: Gold) -> float | None:
    said = Sample(f"<answer>{answer.text}</answer>", gold.answer, {"letters": gold.letters})
    return None if unreadable(said) else float(part(said))


NUMBER = Rewarded("number", numeric.numerical, numeric.no_number)
REGRESSION = Rewarded("1 - relative error", numeric.regression, numeric.no_number)
FORMULA = Rewarded("formula", formulas.formula, texts.no_text, ("math_verify",))
TRANSCRIPT = Rewarded("1 - word error rate", texts.ocr, texts.no_text, ("jiwer",))
TIOU = Rewarded("tIoU", grounding.temporal_iou, grounding.no_span)
BOX_IOU = Rewarded("box IoU", grounding.box_iou, grounding.no_box)
POINT = Rewarded("point in box", grounding.point_in_box, grounding.no_point)
BY_TYPE = ByType()
ALL = (NUMBER, REGRESSION, FORMULA, TRANSCRIPT, TIOU, BOX_IOU, POINT, BY_TYPE)
