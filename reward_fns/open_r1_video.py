"""Reward of Open-R1-Video: the answer alone. Its 7B run pays nothing for the form.

- `strict`: as `by_type.py` reads answers.
- `released`: as the published code reads them: first by math-verify, over the whole response, then by the first
  character of the first answer tag. "Apple" earns as much as "A", and an open answer whatever begins with its capital.
"""

from firsthand.reward_fns import forms, formulas, texts
from firsthand.reward_fns.by_type import STRICT, Preset, function_of
from firsthand.reward_fns.parts import Parts, Sample

PARTS = Parts()


@PARTS.part
def first_character(sample: Sample) -> float:
    """1 where the first answer tag begins with the first character of the gold answer."""
    return texts.released_answer(sample.text)[:1] == sample.gold[:1] != ""


@PARTS.part
def accuracy_released(sample: Sample) -> float:
    """1 where math-verify finds the gold answer in the response, or the first characters are the same."""
    return first_character(sample) or formulas.formula_released(sample)


READ = (accuracy_released, texts.no_text)
WEIGHTS = {"accuracy": 1.0, "format": 0.0}
PRESETS = {
    "strict": Preset(STRICT, forms.think_answer, WEIGHTS),
    "released": Preset({"multiple choice": READ, "free-form": READ}, forms.think_answer_prefix, WEIGHTS),
}
compute_score = function_of(PRESETS)
