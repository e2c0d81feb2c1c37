"""Mends `FileLogger` of `verl.utils.tracking`, which empties its file as a run begins, on every machine.

A run that was killed and resumes from its checkpoint would lose the metrics of every step before. Mended, the file is
appended to; a step that is run again stands in it twice, and the later line holds.
"""

import inspect
from pathlib import Path


def needed(tracking) -> bool:
    return '"wb"' in inspect.getsource(tracking.FileLogger.__init__)


def apply(tracking) -> None:
    tracking.open = _appending  # the module's own name for it


def _appending(file, mode="r", *args, **kwargs):
    return Path(file).open("ab" if mode == "wb" else mode, *args, **kwargs)
