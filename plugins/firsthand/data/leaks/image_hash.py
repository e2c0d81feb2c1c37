"""Frames that look alike: a difference hash of 256 bits, and all pairs of two sets that differ in few of them.

The usual 64 bits do not do: frames of two rooms of the toy week often share them, and a frame that was compressed anew
often does not. The hash is always this one, never that of an optional package: stored hashes must mean the same
everywhere.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

SIDE = 16
BITS = SIDE * SIDE
STEP = 3  # grey levels: a smaller step is as likely noise
FEWEST = 8  # bits set; a frame with fewer is one surface, and all such frames look alike
BLOCK = 256  # hashes compared at a time: bounds the memory when many frames look alike


def image_hash(path: Path | str) -> int | None:
    """Which of 16 x 16 cells are darker than their right neighbour; None for a frame that shows nothing.

    UserError when the file is not an image.
    """
    from PIL import Image

    from firsthand.media.reading import image_faults

    with image_faults(path), Image.open(path) as image:
        image.draft("L", (SIDE * 16, SIDE * 16))  # a JPEG is decoded at the size that is needed
        grey = np.asarray(image.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX), dtype=np.int16)
    bits = grey[:, 1:] > grey[:, :-1] + STEP
    return int.from_bytes(np.packbits(bits).tobytes(), "big") if bits.sum() >= FEWEST else None


def near(ours: Sequence[int], theirs: Sequence[int], distance: int) -> np.ndarray:
    """Index pairs [n, 2] of hashes that differ in at most `distance` bits.

    Cut into `distance` + 1 bands, two such hashes agree in at least one whole band, so only those are compared.
    """
    ours_bytes, theirs_bytes = _bytes(ours), _bytes(theirs)
    ours_bits, theirs_bits = (np.unpackbits(hashes, axis=1) for hashes in (ours_bytes, theirs_bytes))
    ours_words, theirs_words = ours_bytes.view(np.uint64), theirs_bytes.view(np.uint64)
    found = [np.empty((0, 2), dtype=np.int64)]
    for low, high in pairwise(np.linspace(0, BITS, max(distance + 1, 5) + 1).astype(int)):
        place = np.uint64(1) << np.arange(high - low, dtype=np.uint64)
        a, b = (bits[:, low:high] @ place for bits in (ours_bits, theirs_bits))
        order = np.argsort(b, kind="stable")
        first, last = (np.searchsorted(b[order], a, side) for side in ("left", "right"))
        for start in range(0, len(a), BLOCK):
            begin, counts = first[start : start + BLOCK], (last - first)[start : start + BLOCK]
            left = np.repeat(np.arange(start, start + len(counts)), counts)
            nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            right = order[np.repeat(begin, counts) + nth]
            close = np.bitwise_count(ours_words[left] ^ theirs_words[right]).sum(axis=1) <= distance
            found.append(np.stack([left[close], right[close]], axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _bytes(hashes: Sequence[int]) -> np.ndarray:
    joined = b"".join(value.to_bytes(BITS // 8, "big") for value in hashes)
    return np.frombuffer(joined, dtype=np.uint8).reshape(-1, BITS // 8)
