"""Reward of Ego3S: the answer by its type, the form with its object block, and whether what is named is in the hands.

    reward_kwargs:
      preset: strict                      # or `released`
      grounding: {regions: runs/regions.npz, threshold: 0.465}

`regions` are the embeddings of each row's region (`firsthand select embed`), `threshold` the cosine above which a name
belongs to a region: it holds for one model (`firsthand select calibrate`), 0.21 is that of Ego3S's CLIP. `objects` and
`grounded` earn nothing here: `groups.scarcity` pays for them, since it must see the whole group.

- `strict`: names once each, long ones cut; answers and form are read strictly.
- `released`: as the published code: repeated names count, a name longer than 77 tokens leaves the list ungrounded.

A row without a region, or a scorer that fails, leaves `similarity` and `grounded` unmeasured (NaN): such a rollout gets
no interaction reward, keeps its others, and `unmeasured` counts it. `held_named` is for data that knows what is in the
hand (`extra_info.held`): right answers without it are right for another reason.
"""

import logging
import math
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from firsthand.reward_fns import forms, objects, text_scorer, video_r1
from firsthand.reward_fns.by_type import STRICT, Preset, chosen
from firsthand.reward_fns.parts import Sample
from pydantic import BaseModel, ConfigDict

from firsthand.similarity import Vectors

WEIGHTS = {"accuracy": 1.0, "format": 1.0}
PRESETS = {
    "strict": Preset(STRICT, forms.think_answer_object, WEIGHTS),
    "released": Preset(video_r1.RELEASED, forms.think_answer_object_released, WEIGHTS),
}
logger = logging.getLogger(__name__)


class Grounding(BaseModel):
    """What the recipe says of it."""

    model_config = ConfigDict(extra="forbid")

    regions: str
    threshold: float
    model: str | None = None  # where the model that embedded the regions lies now


class Grounded(NamedTuple):
    similarity: float  # the largest cosine of a name and the region; 0 without a name
    grounded: float


UNMEASURED = Grounded(math.nan, math.nan)


async def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    *,
    grounding: Mapping[str, Any],
    preset: str = "strict",
    parts: Mapping[str, float] | None = None,
) -> dict[str, float]:
    sample = Sample(solution_str, ground_truth, extra_info)
    reading = objects.PRESETS.get(preset, objects.PRESETS["strict"])
    names = objects.named(sample.text, reading)
    scores = chosen(PRESETS, preset).score(sample, parts)
    found = await _measured(Grounding(**grounding), sample.info or {}, names, reading.cut)
    held = (sample.info or {}).get("held")
    return scores | {
        "objects": float(len(names)),
        "similarity": found.similarity,
        "grounded": found.grounded,
        "unmeasured": float(math.isnan(found.grounded)),
        "held_named": float(held in names) if held else math.nan,
    }


async def _measured(asked: Grounding, info: Mapping[str, Any], names: list[str], cut: bool) -> Grounded:
    if info.get("without_model"):
        return UNMEASURED
    vectors = _regions(asked.regions)
    region = vectors.of.get(str(info.get("id")))
    if region is None:
        return UNMEASURED
    if not names:
        return Grounded(0.0, 0.0)
    try:
        read, long = await text_scorer.read(asked.model or vectors.model, names)
    except Exception as error:  # whatever fails in another process is no fault of the response
        logger.warning("names cannot be compared with regions: %s: %s", type(error).__name__, error)
        return UNMEASURED
    similarity = 0.0 if any(long) and not cut else float((read @ region).max())
    return Grounded(similarity, float(similarity > asked.threshold))


_regions = cache(Vectors.read)
