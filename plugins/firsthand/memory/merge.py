"""The merging rule: which records one summary covers. It never crosses a recording gap, nor a day.

Ten minutes end at multiples of ten minutes of the clock, so the first one of a recording is shorter; an hour begins
with its first ten minutes; a day is everything recorded of a date, and its gaps are nights and pauses.
"""

from collections.abc import Sequence

from firsthand import clock
from firsthand.memory.records import COARSE_TO_FINE, Record, origin

FINE_TO_COARSE = COARSE_TO_FINE[::-1]
GAP = 1.0  # seconds; clips of one recording follow one another within frames


def windows(finer: Sequence[Record], level: str) -> list[list[Record]]:
    """Records of one source and of the level below, in order of time, as the groups that a record of `level` covers."""
    groups: list[list[Record]] = []
    for record in finer:
        if groups and _belongs(groups[-1], record, level):
            groups[-1].append(record)
        else:
            groups.append([record])
    return groups


def merged(group: Sequence[Record], level: str, text: str) -> Record:
    start, end = group[0].start, max(one.end for one in group)
    return Record(group[0].source, level, start, end, text, origin(group))


def summaries(clips: Sequence[Record]) -> int:
    """How many texts must be written above these clips: a group of one keeps its text."""
    count, finer = 0, list(clips)
    for level in FINE_TO_COARSE[1:]:
        groups = windows(finer, level)
        count += sum(len(group) > 1 for group in groups)
        finer = [merged(group, level, "") for group in groups]
    return count


def _belongs(group: Sequence[Record], record: Record, level: str) -> bool:
    first, last = group[0], group[-1]
    if clock.day(first.start) != clock.day(record.start):
        return False
    if level == "1day":
        return True
    if clock.seconds_between(last.end, record.start) > GAP:
        return False
    if level == "10min":
        return clock.window(first.start, level) == clock.window(record.start, level)
    return clock.seconds_between(first.start, record.end) <= clock.LEVELS[level]
