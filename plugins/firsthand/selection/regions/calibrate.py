"""From which cosine on a name belongs to a crop: measured on crops whose right name is known, for one model.

Each crop is compared with its own name and with the names of the others. The threshold is Youden's: where the share of
right names above it exceeds that of wrong names by most, in the middle between the two cosines around it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from firsthand.errors import UserError
from firsthand.similarity import Similarity, Vectors

LISTS = (1, 2, 4, 6, 12)  # names at random in one answer
DRAWS = 200  # lists a crop
PUBLISHED = 0.21  # the threshold of Ego3S, for its CLIP


@dataclass(frozen=True)
class Calibration:
    model: str
    crops: int
    names: int
    threshold: float
    right_above: float  # share of right names above the threshold
    wrong_above: float
    auc: float
    best_is_right: float  # share of crops that are nearest to their own name
    at_published: tuple[float, float]  # right and wrong names above 0.21
    generic: dict[str, float]  # share of crops that a generic word passes for
    lists: dict[int, float]  # share of crops that a list of so many random names passes for

    def lines(self) -> Iterator[str]:
        yield f"{self.model}: threshold {self.threshold} on {self.crops} crops of {self.names} things"
        yield f"  above it: right names {self.right_above:.3f}, wrong names {self.wrong_above:.3f}; AUC {self.auc:.4f}"
        yield f"  nearest to their own name: {self.best_is_right:.3f} of the crops"
        right, wrong = self.at_published
        yield f"  at {PUBLISHED}, Ego3S's for its own CLIP: right names {right:.3f}, wrong names {wrong:.3f}"
        lists = {f"{count} random names": share for count, share in self.lists.items()}
        for what, share in {**self.generic, **lists}.items():
            yield f"  passes for the thing: {what:16} {share:.2f}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def calibrate(
    vectors: Vectors, names: Mapping[str, str], similarity: Similarity, generic: Sequence[str]
) -> Calibration:
    """`names`: the right name of each crop."""
    known = sorted(set(names.values()))
    if len(known) < 2:
        raise UserError(f"{len(known)} names: at least two are needed, one to be right and one to be wrong")
    rows = [row for row in vectors.of if row in names]
    crops = np.stack([vectors.of[row] for row in rows])
    cosines = crops @ similarity.texts(known).T
    own = np.array([known.index(names[row]) for row in rows])
    is_right = np.arange(len(known)) == own[:, None]
    right, wrong = cosines[is_right], cosines[~is_right]
    threshold = youden(right, wrong)
    words = crops @ similarity.texts(generic).T if generic else np.zeros((len(rows), 0))
    return Calibration(
        model=similarity.model, crops=len(rows), names=len(known), threshold=round(threshold, 4),
        right_above=_above(right, threshold), wrong_above=_above(wrong, threshold), auc=auc(right, wrong),
        best_is_right=float((cosines.argmax(1) == own).mean()),
        at_published=(_above(right, PUBLISHED), _above(wrong, PUBLISHED)),
        generic={word: _above(words[:, i], threshold) for i, word in enumerate(generic)},
        lists={count: _listed(cosines, count, threshold) for count in LISTS if count <= len(known)},
    )  # fmt: skip


def youden(right: np.ndarray, wrong: np.ndarray) -> float:
    values = np.unique(np.concatenate([right, wrong]))
    between = (values[1:] + values[:-1]) / 2
    gain = [(right > value).mean() - (wrong > value).mean() for value in between]
    best = np.flatnonzero(np.isclose(gain, max(gain)))
    return float((between[best[0]] + between[best[-1]]) / 2)  # the middle of all that are as good


def auc(right: np.ndarray, wrong: np.ndarray) -> float:
    """How often a right name is nearer than a wrong one; a tie is half."""
    order = np.sort(wrong)
    below = np.searchsorted(order, right, "left") + np.searchsorted(order, right, "right")
    return float(below.mean() / 2 / len(wrong))


def _listed(cosines: np.ndarray, count: int, threshold: float) -> float:
    rng = np.random.default_rng(0)
    drawn = rng.random((DRAWS, *cosines.shape)).argsort(-1)[..., :count]
    best = np.take_along_axis(np.broadcast_to(cosines, (DRAWS, *cosines.shape)), drawn, -1).max(-1)
    return _above(best, threshold)


def _above(values: np.ndarray, threshold: float) -> float:
    return float((values > threshold).mean())
