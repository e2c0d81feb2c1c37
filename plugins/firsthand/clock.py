"""Every conversion of time; no other file does time arithmetic.

Inside, a moment is absolute seconds since midnight before DAY0, a float on the grid of frames (20 a second): DAY1
begins at 86400.0. Every function returns such a float through `_grid`, so equal moments are equal floats and `<=`
against a query time is exact. Outside there are three spellings of it:

- `DAY1_11210217`, the stamp HHMMSSFF: hour, minute, second, frame (00 to 19);
- `{"date": "DAY1", "time": "11210217"}` in questions;
- `{"date": 1, "start_time": 9300000}` in memory records, whole numbers that have lost their leading zeros.
"""

import re
from typing import Any

from firsthand.errors import UserError

FPS = 20
DAY = 86400
CLIP = 30  # seconds in a clip of EgoLife
HOUR = 3600
LEVELS = {"30s": CLIP, "10min": 600, "1hour": HOUR, "1day": DAY}  # memory level -> seconds it covers at most

_STAMP = re.compile(r"DAY(\d+)_(\d{8}|\d{6})", re.IGNORECASE)


def parse(stamp: str) -> float:
    """`DAY1_11210217` in absolute seconds; the frame may be missing (`DAY1_112102`)."""
    found = _STAMP.fullmatch(stamp.strip())
    if not found:
        raise UserError(f"{stamp!r} is not a time; write DAYx_HHMMSSFF, for example DAY1_11210217")
    return at(int(found[1]), found[2].ljust(8, "0"))


def at(date: int | str, time: int | str) -> float:
    """A day (1, "1" or "DAY1") and HHMMSSFF, as a number or as text, with or without its leading zeros."""
    day, digits = str(date).upper().removeprefix("DAY"), str(time).zfill(8)
    if not (day.isdecimal() and digits.isdecimal() and len(digits) == 8):
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


def of_frame(start: float, frame: int) -> float:
    """The moment of a frame in a clip that starts at `start`."""
    return _grid(start + frame / FPS)


def frame_at(start: float, moment: float) -> int:
    """The frame of a clip that starts at `start` which shows `moment`."""
    return round((moment - start) * FPS)


def window(moment: float, level: str) -> float:
    """The start of the window of a level that holds a moment: windows begin at multiples of their length in a day."""
    return _grid(moment // LEVELS[level] * LEVELS[level])


def midnight(day_number: int) -> float:
    return float(day_number * DAY)


def _grid(seconds: float) -> float:
    return round(seconds * FPS) / FPS
