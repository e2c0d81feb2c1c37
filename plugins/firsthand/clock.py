"""Every conversion of time; no other file does time arithmetic.

Inside, a moment is absolute seconds since midnight before DAY0, a float on the grid of frames (20 a second): DAY1
begins at 86400.0. Every function returns such a float through `_grid`, so equal moments are equal floats and `<=`
against a query time is exact. Outside there are three spellings of it:

- `DAY1_11210217`, the stamp HHMMSSFF: hour, minute, second, frame (00 to 19);
- `{"date": "DAY1", "time": "11210217"}` in questions;
- `{"date": 1, "start_time": 9300000}` in memory records, whole numbers that have lost their leading zeros.

Two functions read what people wrote into annotations by hand: `query_time` and `target_spans`, by the rules in their
docstrings. What no rule covers is an error that shows the text. A video without a date has elapsed time on the same
scale: it begins at DAY1_00000000 for every tool.
"""

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from firsthand.errors import UserError

FPS = 20
DAY = 86400
CLIP = 30  # seconds in a clip of EgoLife
HOUR = 3600
LEVELS = {"30s": CLIP, "10min": 600, "1hour": HOUR, "1day": DAY}  # memory level -> seconds it covers at most
SEARCHES = ("week", "day", "hour")  # what an agent may search
SHOWS = LEVELS["10min"]  # seconds; a longer stretch does not show when something happened

_STAMP = re.compile(r"DAY(\d{1,4})_(\d{8}|\d{6})", re.IGNORECASE | re.ASCII)
_WRITTEN = r"(?:DAY\s*(\d{1,4})[\s_]*)?(\d{6,})"
_WRITTEN_SPAN = re.compile(rf"{_WRITTEN}(?:\s*[-–—~～]\s*{_WRITTEN})?[\s,，、;；]*", re.IGNORECASE | re.ASCII)


def parse(stamp: str) -> float:
    """`DAY1_11210217` in absolute seconds; the frame may be missing (`DAY1_112102`)."""
    found = _STAMP.fullmatch(stamp.strip())
    if not found:
        raise UserError(f"{stamp!r} is not a time; write DAYx_HHMMSSFF, for example DAY1_11210217")
    return at(int(found[1]), found[2].ljust(8, "0"))


def at(date: int | str, time: int | str) -> float:
    """A day (1, "1" or "DAY1") and HHMMSSFF, as a number or as text, with or without its leading zeros."""
    day, digits = str(date).upper().removeprefix("DAY"), str(time).zfill(8)
    if not (day.isdecimal() and len(day) <= 4 and digits.isdecimal() and len(digits) == 8):
        raise UserError(f"date {date!r} with time {time!r} is not a time; write DAY1 and HHMMSSFF")
    hour, minute, second, frame = (int(digits[i : i + 2]) for i in (0, 2, 4, 6))
    if int(day) < 1 or hour > 23 or minute > 59 or second > 59 or frame >= FPS:
        raise UserError(f"date {date!r} with time {time!r} does not exist (days from 1, 24 hours, {FPS} frames)")
    return _grid(int(day) * DAY + hour * HOUR + minute * 60 + second + frame / FPS)


def stamp(moment: float) -> str:
    return f"{date(moment)}_{time(moment)}"


def day(moment: float) -> int:
    return int(_grid(moment) // DAY)


def date(moment: float) -> str:
    return f"DAY{day(moment)}"


def time(moment: float) -> str:
    """HHMMSSFF, eight digits."""
    seconds, frame = divmod(round(moment * FPS), FPS)
    return f"{seconds // HOUR % 24:02}{seconds // 60 % 60:02}{seconds % 60:02}{frame:02}"


def parse_range(text: str) -> tuple[float, float]:
    """`DAY1_a-DAY1_b`, or `DAY1_a-b`: without its own day the end is the next moment with that time of day."""
    start_text, dash, end_text = text.strip().partition("-")
    start = parse(start_text)
    if "_" in end_text:
        end = parse(end_text)
    elif dash:
        end = parse(f"{date(start)}_{end_text}")
        end = end if end >= start else plus(end, DAY)
    else:
        raise UserError(f"{text!r} is not a range; write DAYx_HHMMSSFF-DAYx_HHMMSSFF")
    if end < start:
        raise UserError(f"{text!r} ends before it starts; write the earlier time first")
    return start, end


def format_range(start: float, end: float) -> str:
    return f"{stamp(start)}-{stamp(end)}"


def to_question(moment: float) -> dict[str, str]:
    return {"date": date(moment), "time": time(moment)}


def from_question(value: dict[str, Any]) -> float:
    return at(value["date"], value["time"])


def query_time(value: Any) -> float:
    """When a question was asked, however it was written: the later end of a range, the first time of a list."""
    return target_spans(value)[0][1]


def target_spans(value: Any) -> list[tuple[float, float]]:
    """Every (start, end) that an annotation names, as it was written; a moment is a span without length.

    `value` is text, a number, or any nesting of lists and of `{"date": ..., <any other keys>: times}`. In text a dash
    makes a range; other separators, or none at all, make a list. A time without its own day has the one before it in
    its range, or that of its `date`. Reversed ends are exchanged. Of a run of digits every eight are one time, and the
    few left over are a typing mistake; six have no frame, seven lost a leading zero, and a frame above 19 counts as 0.
    """
    try:
        spans = list(_spans(value, None))
    except UserError as error:
        raise UserError(f"{str(value)[:200]!r} is not a time: {error}") from None
    if not spans:
        raise UserError(f'{str(value)[:200]!r} holds no time; write {{"date": "DAY1", "time": "11210217"}}')
    return spans


def _spans(value: Any, date: Any) -> Iterator[tuple[float, float]]:
    if isinstance(value, dict):
        for key, part in value.items():
            if key != "date":
                yield from _spans(part, value.get("date", date))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _spans(part, date)
    else:
        yield from _written_spans(str(value).zfill(8) if isinstance(value, int) else str(value).strip(), date)


def _written_spans(text: str, date: Any) -> Iterator[tuple[float, float]]:
    position = 0
    while position < len(text):
        found = _WRITTEN_SPAN.match(text, position)
        if not found:
            raise UserError(f"cannot read {text[position:]!r}")
        position = found.end()
        day, digits, end_day, end_digits = found.groups()
        moments = _written_times(day or date, digits)
        if end_digits is None:
            yield from ((moment, moment) for moment in moments)
        else:
            ends = sorted(moments + _written_times(end_day or day or date, end_digits))
            if len(ends) != 2:
                raise UserError(f"more than two ends in {found[0]!r}")
            yield ends[0], ends[1]


def _written_times(date: Any, digits: str) -> list[float]:
    if date is None:
        raise UserError(f"{digits} has no day")
    whole = {6: f"{digits}00", 7: f"0{digits}"}.get(len(digits), digits)
    times = (whole[i : i + 8] for i in range(0, len(whole) - 7, 8))
    return [at(str(date).strip(), time if int(time[6:]) < FPS else f"{time[:6]}00") for time in times]


def to_record(start: float, end: float) -> dict[str, int]:
    """The time fields of a memory record. It lies within one day, so one that ends at midnight ends a frame earlier."""
    if day(end) > day(start):
        end = plus(end, -1 / FPS)
    if day(end) > day(start):
        raise UserError(f"{format_range(start, end)}: a memory record lies within one day")
    return {"date": day(start), "start_time": int(time(start)), "end_time": int(time(end))}


def from_record(record: dict[str, Any]) -> tuple[float, float]:
    return at(record["date"], record["start_time"]), at(record["date"], record["end_time"])


def plus(moment: float, seconds: float) -> float:
    return _grid(moment + seconds)


def seconds_between(start: float, end: float) -> float:
    return _grid(end - start)


def widened(start: float, end: float, seconds: float) -> tuple[float, float]:
    """A span of at least so many seconds: a shorter one grows evenly to both sides."""
    missing = max(0.0, seconds - (end - start)) / 2
    return _grid(start - missing), _grid(end + missing)


def shows(seen: tuple[float, float], target: tuple[float, float], longest: float = SHOWS) -> bool:
    """Whether a record, a stretch of video or a frame is evidence of a target: it touches it and is not too long."""
    return seconds_between(*seen) <= longest and seen[0] <= target[1] and target[0] <= seen[1]


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds that lie in at least one of the spans."""
    total, reached = 0.0, -math.inf
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return _grid(total)


def of_frame(start: float, frame: int) -> float:
    """The moment of a frame in a clip that starts at `start`."""
    return _grid(start + frame / FPS)


def frame_at(start: float, moment: float) -> int:
    """The frame of a clip that starts at `start` which shows `moment`."""
    return round((moment - start) * FPS)


def window(moment: float, level: str) -> float:
    """The start of the window of a level that holds a moment: windows begin at multiples of their length in a day."""
    return _grid(moment // LEVELS[level] * LEVELS[level])


def search_window(level: str, start: float | None, query: float | None) -> tuple[float, float]:
    """What a search of a level may look at: (start, end), the end never after `query`; empty when end < start.

    A week is everything from the first day on; a day is the whole day of `start` (or else of `query`); an hour is the
    one that begins at `start`, over the full hour and over midnight.
    """
    if level not in SEARCHES:
        raise UserError(f"{level!r} is not a level of search; choose one of {', '.join(SEARCHES)}")
    latest = math.inf if query is None else query
    if level == "week":
        return midnight(1), latest
    if level == "hour":
        if start is None:
            raise UserError("a search of an hour needs its start_time, as DAYx_HHMMSSFF")
        return start, min(plus(start, HOUR), latest)
    first = query if start is None else start
    if first is None:
        raise UserError("a search of a day needs a start_time in that day, as DAYx_HHMMSSFF")
    return midnight(day(first)), min(midnight(day(first) + 1), latest)


def of_elapsed(seconds: float) -> float:
    """The moment of a video without a date: its first frame is at DAY1_00000000."""
    return plus(midnight(1), seconds)


def to_elapsed(moment: float) -> float:
    """Seconds since the beginning of a video without a date."""
    return seconds_between(midnight(1), moment)


def midnight(day_number: int) -> float:
    return float(day_number * DAY)


def _grid(seconds: float) -> float:
    return round(seconds * FPS) / FPS
