"""The crop of each row's region, and its embedding: what a grounding reward compares named objects with."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from PIL import Image

from firsthand.errors import UserError
from firsthand.selection.region_file import Region
from firsthand.selection.regions.shown import Pictures, Shown
from firsthand.similarity import BATCH, Similarity, Vectors


def crops(
    rows: Mapping[str, Shown],
    regions: Mapping[str, Region],
    pictures: Callable[[Shown], Pictures],
    missing: dict[str, str],
) -> Iterator[tuple[str, Image.Image]]:
    """By row; why a row has none is added to `missing`."""
    for name, row in rows.items():
        region = regions.get(name)
        if region is None or region.crop is None:
            missing[name] = "no region"
            continue
        frame, box = region.crop
        try:
            shown = pictures(row)
            if shown.size != region.size or frame not in shown.numbers:
                raise UserError(f"its region is frame {frame} of {region.size}; the row shows other frames")
            left, top, right, bottom = map(round, box)
            yield name, shown.frames[shown.numbers.index(frame)].crop((left, top, right, bottom))
        except UserError as error:
            missing[name] = str(error)


def embedded(similarity: Similarity, found: Iterator[tuple[str, Image.Image]], tick: Callable[[int], None]) -> Vectors:
    of: dict[str, np.ndarray] = {}
    batch: list[tuple[str, Image.Image]] = []

    def flush() -> None:
        of.update(zip((name for name, _ in batch), similarity.images([crop for _, crop in batch]), strict=True))
        tick(len(of))
        batch.clear()

    for pair in found:
        batch.append(pair)
        if len(batch) == BATCH:
            flush()
    if batch:
        flush()
    return Vectors(similarity.model, of)
