"""A detector with an open vocabulary (OWLv2, GroundingDINO) looks for hands and for the thing that is asked for.

The region is the thing that a hand touches, joined with that hand; without such a pair the surest hand, and where there
is no hand the surest thing.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from firsthand.selection.region_file import Box
from firsthand.selection.regions import boxes
from firsthand.selection.regions.clip_grid import text_of
from firsthand.selection.regions.finders import Found
from firsthand.selection.regions.shown import Pictures, Shown
from firsthand.similarity import loading

HAND = "a hand"


class Seen(NamedTuple):
    score: float
    box: Box
    hand: bool


@dataclass
class Detector:
    model: str
    text: str
    threshold: float
    device: str = "cpu"
    name: str = "detector"

    def load(self) -> None:
        """Now, and not with the first row: a model that is not there is no fault of a row."""
        _ = self._net, self._processor

    def find(self, row: Shown, pictures: Pictures) -> Found:
        per_frame = [chosen(seen) for seen in self._seen(pictures, text_of(row, self.text))]
        scored = [(seen[0].score, -number) for number, seen in enumerate(per_frame) if seen]
        if not scored:
            return Found((None,) * len(per_frame))
        frame = -max(scored)[1]
        best = per_frame[frame]
        crop = (frame, best[0].box)
        margin = best[0].score - best[1].score if len(best) > 1 else best[0].score
        return Found(tuple(seen[0].box if seen else None for seen in per_frame), crop, margin)

    def _seen(self, pictures: Pictures, thing: str) -> list[list[Seen]]:
        import torch

        labels, found = [HAND, thing], []
        for frame in pictures.frames:
            inputs = self._processor(images=frame, text=[labels], return_tensors="pt").to(self.device)
            with torch.inference_mode():
                outputs = self._net(**inputs)
            if "owl" in self._net.config.model_type:
                given: dict[str, Any] = {"text_labels": [labels]}
            else:  # GroundingDINO: a box gets the words whose own score is above a threshold
                given = {"input_ids": inputs["input_ids"], "text_threshold": self.threshold}
            [made] = self._processor.post_process_grounded_object_detection(
                outputs, threshold=self.threshold, target_sizes=[frame.size[::-1]], **given
            )
            labelled = made["text_labels"][: len(made["scores"])]  # without a box there is one empty label all the same
            pairs = zip(made["scores"].tolist(), made["boxes"].cpu().numpy(), labelled, strict=True)
            found.append([Seen(score, _within(box, frame.size), "hand" in str(label)) for score, box, label in pairs])
        return found

    @cached_property
    def _net(self) -> Any:
        with loading(self.model, "a detector with an open vocabulary"):
            from transformers import AutoModelForZeroShotObjectDetection

            return AutoModelForZeroShotObjectDetection.from_pretrained(self.model).eval().to(self.device)

    @cached_property
    def _processor(self) -> Any:
        with loading(self.model, "a detector with an open vocabulary"):
            from transformers import AutoProcessor

            return AutoProcessor.from_pretrained(self.model)


def chosen(seen: list[Seen]) -> list[Seen]:
    """The regions of a frame, the surest first."""
    hands, things = ([one for one in seen if one.hand == hand] for hand in (True, False))
    pairs = [
        Seen(hand.score * thing.score, boxes.joined(hand.box, thing.box), True)
        for hand in hands
        for thing in things
        if boxes.iou(np.array(hand.box), np.array([thing.box]))[0] > 0
    ]
    return sorted(pairs or hands or things, reverse=True)


def _within(box: np.ndarray, size: tuple[int, int]) -> Box:
    return boxes.as_box(np.clip(box, 0, [*size, *size]))
