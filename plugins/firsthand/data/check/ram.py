"""How much RAM the preprocessing of LLaMA-Factory takes at its peak; see docs/data_checks.md for how it was measured.

A worker keeps the rows of one batch as Python lists (ids, labels, mask) until the batch is written to disk, and the
media of one row at a time: decoded pixels, and what the processor makes of them.
"""

import os
from dataclasses import dataclass

from firsthand.findings import ROW_RULES
from firsthand.media.limits import Limits

BASE = 800e6  # bytes of a worker that has imported LLaMA-Factory and holds no row
TOKEN = 45  # bytes of a token while its batch is collected
PIXEL = 95  # bytes of a pixel within the budget: the picture, and the processor's floats, patches and copies
DISK = 13  # bytes of a token in the cache on disk: int32, int64 and int8

MEMORY = ROW_RULES["memory"]


@dataclass(frozen=True)
class Memory:
    """Bytes."""

    peak: int
    disk: int
    available: int

    @property
    def fits(self) -> bool:
        return self.peak < self.available


def estimate(rows: int, tokens: int, most_pixels: int, limits: Limits) -> Memory:
    """`tokens` of all rows together; `most_pixels` of the media of one row, within the budget."""
    batch = min(limits.batch, rows) * tokens / max(rows, 1)
    peak = limits.workers * (BASE + batch * TOKEN + most_pixels * PIXEL)
    pages, size = os.sysconf("SC_AVPHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Memory(round(peak), tokens * DISK, pages * size)
