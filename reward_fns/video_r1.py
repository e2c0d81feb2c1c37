"""Reward of Video-R1: the answer by its type of problem, and the form.

- `strict`: as `by_type.py` reads answers. Each part is worth what Video-R1 gives it, 1.
- `released`: as the published code reads them. It takes the first answer tag, compares letters as strings, drops every
  comma of a number and wants a decimal mark on both sides or on none, and lets tags nest and repeat. The one thing not
  copied is that NaN earns the full reward of a regression.

The bonus for order in time and the one for length see whole groups: they belong to the group rewards.
"""

from firsthand.reward_fns import forms, numeric, texts
from firsthand.reward_fns.by_type import STRICT, Preset, function_of

RELEASED = {
    "multiple choice": (texts.exact_released, texts.no_text),
    "numerical": (numeric.numerical_released, texts.no_text),
    "regression": (numeric.regression_released, texts.no_text),
    "OCR": (texts.ocr_released, texts.no_text),
    "free-form": (texts.free_form_released, texts.no_text),
}
WEIGHTS = {"accuracy": 1.0, "format": 1.0}
PRESETS = {
    "strict": Preset(STRICT, forms.think_answer, WEIGHTS),
    "released": Preset(RELEASED, forms.think_answer_released, WEIGHTS),
}
compute_score = function_of(PRESETS)
