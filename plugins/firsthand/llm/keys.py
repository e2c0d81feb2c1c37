"""API keys: read from the environment only, and never written anywhere.

Whoever asks a server names the variable of its key, so the key of one service never goes to the server of another.

Every key that is read is remembered, and `redact` takes it out of any text: outcomes, cassettes, and, once
`redact_logs` was called, every log record of the process, whichever library writes it.
"""

import logging
import os
import re
import traceback
from collections.abc import Sequence
from urllib.parse import quote

from firsthand.errors import UserError

MARK = "[key]"
_KEY = re.compile(r"[A-Za-z0-9_\-.:/+=~]{8,4096}")  # no shorter, or redacting it would tear ordinary words
_LOOKS_LIKE_KEY = re.compile(r"\b(?:sk-[\w-]{16,}|AIza[\w-]{30,})|(?<=Bearer )[\w\-.:/+=~]{8,}")
_known: set[str] = set()
_pattern = _LOOKS_LIKE_KEY


def read(variables: Sequence[str]) -> tuple[str, ...]:
    """The keys in environment variables; one variable may hold several, separated by commas."""
    keys: list[str] = []
    for variable in variables:
        found = [key.strip() for key in os.environ.get(variable, "").split(",") if key.strip()]
        if not found:
            raise UserError(f"the environment variable {redact(variable)} is not set; put an API key into it")
        if not all(_KEY.fullmatch(key) for key in found):
            raise UserError(
                f"the environment variable {variable} does not hold an API key (8 or more plain characters)"
            )
        keys += found
    remember(keys)
    return tuple(dict.fromkeys(keys))


def read_one(variable: str | None) -> str | None:
    """The key of the variable that a recipe or an option names, if it names one."""
    return read([variable])[0] if variable else None


def optional(variable: str) -> str | None:
    """The key of a service that may do without."""
    return os.environ.get(variable)


def remember(keys: Sequence[str]) -> None:
    """From now on `redact` knows them."""
    global _pattern
    _known.update(keys, map(quote, keys), (quote(key, safe="") for key in keys))
    longest_first = sorted(_known, key=len, reverse=True)
    _pattern = re.compile("|".join([*map(re.escape, longest_first), _LOOKS_LIKE_KEY.pattern]))


def remember_environment() -> None:
    """Also the keys that other rooms and libraries use."""
    secrets = {value for name, value in os.environ.items() if name.upper().endswith(("KEY", "KEYS", "TOKEN", "SECRET"))}
    remember([key for value in secrets for key in value.split(",") if _KEY.fullmatch(key)])


def redact(text: str) -> str:
    return _pattern.sub(MARK, text)


def redact_logs() -> None:
    """Records are redacted as they are made, so that no handler, formatter or file of any library sees a key."""
    make = logging.getLogRecordFactory()
    if getattr(make, "redacts", False):
        return

    def make_redacted(*args, **kwargs) -> logging.LogRecord:
        record = make(*args, **kwargs)
        try:
            record.msg, record.args = redact(record.getMessage()), ()
        except Exception:  # a wrong format string is the logging module's to report
            return record
        if record.exc_info and record.exc_info[0]:
            record.exc_text = redact("".join(traceback.format_exception(*record.exc_info))).rstrip()
            record.exc_info = None
        return record

    make_redacted.redacts = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make_redacted)
