"""When a row is kept: the coarse filter asks whether the video helps, the fine one whether its region does.

Ego3S. With R the mean of accuracy and form over the samples of a condition and A the mean of accuracy alone,

    coarse   R(full) - R(blind) > threshold        `signed`, the paper's figure
             |that - its mean over all rows| > t   `centered_abs`, the released code: it also keeps rows far below
    fine     A(full) - A(masked) > threshold       `accuracy`
             (A(full) - A(masked)) / A(full) > t   `relative`

That the fine filter reads accuracy alone is our reconstruction: 0.5, the published threshold, is out of reach for R.
Comparisons are strict. The release has no fine filter.
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from firsthand.tools.settings import Strict

Condition = Literal["blind", "full", "masked"]
CONDITIONS: tuple[Condition, ...] = ("blind", "full", "masked")
EXACT = 1e-9  # sums of tenths are not tenths

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"coarse": {"mode": "signed", "threshold": 0.1}, "fine": {"threshold": 0.5}},
    "released": {"coarse": {"mode": "centered_abs", "threshold": 0.12}, "fine": None},
}


class Coarse(Strict):
    mode: Literal["signed", "centered_abs"] = "signed"
    threshold: float = 0.1

    def passes(self, gain: float, centre: float | None) -> bool:
        if self.mode == "centered_abs":
            assert centre is not None, "the mean of all rows is known before a row is judged by it"
            gain = abs(gain - centre)
        return gain > self.threshold + EXACT


class Fine(Strict):
    scale: Literal["accuracy", "relative"] = "accuracy"
    threshold: float = 0.5

    def drop(self, full: float, masked: float) -> float:
        return full - masked if self.scale == "accuracy" else (full - masked) / max(full, EXACT)

    def passes(self, full: float, masked: float) -> bool:
        return self.drop(full, masked) > self.threshold + EXACT


class Rules(Strict):
    """Keys of `csm` in a recipe. A key beside the preset changes it."""

    preset: Literal["paper", "released"] = "paper"
    samples: int = Field(5, ge=1, le=64)  # of each condition
    coarse: Coarse | None = None  # null: no such filter
    fine: Fine | None = None
    share: float | None = Field(None, gt=0, le=1)  # of all rows, by the fine difference among coarse survivors
    risk: float | None = Field(0.0, ge=0, lt=0.5)  # a row ends when its decision changes with at most this probability
    requests: Literal["shortest", "whole"] = "shortest"  # whole: all samples of a condition at once, so fewer prompts

    @model_validator(mode="before")
    @classmethod
    def _of_preset(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        preset = PRESETS.get(given.get("preset", "paper"), {})
        return {**preset, **{key: _changed(preset.get(key), value) for key, value in given.items()}}

    @model_validator(mode="after")
    def _filters(self) -> "Rules":
        if not (self.coarse or self.fine):
            raise ValueError("neither a coarse nor a fine filter: every row would be kept")
        if self.share and not self.fine:
            raise ValueError("share ranks rows by the fine difference, and there is no fine filter")
        return self

    @property
    def conditions(self) -> tuple[Condition, ...]:
        asked = {"full": True, "blind": self.coarse is not None, "masked": self.fine is not None}
        return tuple(condition for condition in CONDITIONS if asked[condition])

    @property
    def needs_centre(self) -> bool:
        return bool(self.coarse and self.coarse.mode == "centered_abs")


def _changed(preset: Any, value: Any) -> Any:
    """A filter of a preset with other constants."""
    return {**preset, **value} if isinstance(preset, dict) and isinstance(value, dict) else value


class Seen(BaseModel):
    """The scores of the first samples of a condition, in the order of their seeds."""

    accuracy: list[float] = []
    form: list[float] = []  # empty where the recipe names no such part

    def __len__(self) -> int:
        return len(self.accuracy)

    @property
    def right(self) -> float | None:
        return mean(self.accuracy)

    @property
    def reward(self) -> float | None:
        return mean([*self.accuracy, *self.form])

    def add(self, accuracy: float, form: float | None) -> None:
        self.accuracy.append(accuracy)
        if form is not None:
            self.form.append(form)


Scores = dict[Condition, Seen]


def mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def gain_of(scores: Scores) -> float | None:
    """The coarse difference, of the samples that there are."""
    full, blind = scores["full"].reward, scores["blind"].reward
    return None if full is None or blind is None else full - blind


def drop_of(scores: Scores, fine: Fine | None) -> float | None:
    """The fine difference, of the samples that there are."""
    full, masked = scores["full"].right, scores["masked"].right
    return None if full is None or masked is None else (fine or Fine()).drop(full, masked)
