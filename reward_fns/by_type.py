"""Reward by type of problem: `extra_info.problem_type` says how an answer is read and what it earns.

The recipe names parts and what they are worth: `reward_kwargs: {parts: {accuracy: 1.0, format: 0.1}}`. `accuracy`,
`format` and `unreadable` are always logged. Any other part of `LIBRARY` may be named too, with a weight of 0 to be
logged only. Everything is read strictly here; `video_r1.py` and `open_r1_video.py` add what was published.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from firsthand.reward_fns import choice, forms, formulas, grounding, numeric, texts
from firsthand.reward_fns.parts import Part, Parts, Sample, combine

# problem_type -> what an answer earns, and what is 1 where it cannot be read
STRICT: dict[str, tuple[Part, Part]] = {
    "multiple choice": (choice.accuracy, choice.unreadable),
    "numerical": (numeric.numerical, numeric.no_number),
    "regression": (numeric.regression, numeric.no_number),
    "OCR": (texts.ocr, texts.no_text),
    "free-form": (texts.free_form, texts.no_text),
    "math": (formulas.formula, texts.no_text),
    "temporal grounding": (grounding.temporal_iou, grounding.no_span),
    "spatial grounding": (grounding.box_iou, grounding.no_box),
    "pointing": (grounding.point_in_box, grounding.no_point),
}
LIBRARY = Parts()
for family in (forms, numeric, texts, formulas, grounding):
    LIBRARY.update(family.PARTS)


@dataclass(frozen=True)
class Preset:
    """How a system pays: which part reads each type of problem, which one the form, and what each is worth."""

    accuracy_of: Mapping[str, tuple[Part, Part]]
    format: Part
    weights: Mapping[str, float]

    @cached_property
    def parts(self) -> Parts:
        made = Parts(format=self.format)

        @made.part
        def accuracy(sample: Sample) -> float:
            """What the answer earns, by the type of the problem."""
            return self._of(sample)[0](sample)

        @made.part
        def unreadable(sample: Sample) -> float:
            """1 where no answer of this type can be read."""
            return self._of(sample)[1](sample)

        return Parts({name: made[name] for name in ("accuracy", "format", "unreadable")})

    def _of(self, sample: Sample) -> tuple[Part, Part]:
        if found := self.accuracy_of.get(sample.kind):
            return found
        known = ", ".join(self.accuracy_of)
        raise ValueError(f"extra_info.problem_type: {sample.kind!r} is not one of {known}")

    def score(self, sample: Sample, parts: Mapping[str, float] | None) -> dict[str, float]:
        if not parts:
            return combine(self.parts, self.weights, sample)
        known = Parts({**self.parts, **LIBRARY})
        if parts.keys() <= known.keys():
            known = Parts({**self.parts, **{name: known[name] for name in parts}})
        return combine(known, {**self.weights, **parts}, sample)


PRESETS = {"strict": Preset(STRICT, forms.think_answer, {"accuracy": 1.0, "format": 0.1})}


def chosen(presets: Mapping[str, Preset], name: str) -> Preset:
    if name not in presets:
        raise ValueError(f"preset {name!r} is not one of {', '.join(presets)}")
    return presets[name]


def function_of(presets: Mapping[str, Preset]) -> Callable[..., dict[str, float]]:
    """The reward function of a file with these presets, as veRL calls it."""

    def compute_score(
        data_source: str,
        solution_str: str,
        ground_truth: Any,
        extra_info: Mapping[str, Any] | None = None,
        *,
        preset: str = "strict",
        parts: Mapping[str, float] | None = None,
    ) -> dict[str, float]:
        return chosen(presets, preset).score(Sample(solution_str, ground_truth, extra_info), parts)

    return compute_score


compute_score = function_of(PRESETS)
