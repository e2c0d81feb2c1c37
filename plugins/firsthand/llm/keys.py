"""API keys: read from the environment only, and never written anywhere.

Whoever asks a server names the variable of its key, so the key of one service never goes to the server of another.

Every key that is read is remembered, and `redact` takes it out of any text: outcomes, cassettes, what is shown in a
terminal, and, once `redact_logs` was called, every log record of the process, whichever library writes it. What looks
like a key is taken out as well: a token, and the credentials of an address (`http://user:KEY@host`, `?api_key=KEY`).
"""

import logging
import os
import re
import traceback
from base64 import b64encode
from collections.abc import Sequence
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from firsthand.errors import UserError

MARK = "[key]"
_KEY = re.compile(r"[A-Za-z0-9_\-.:/+=~]{8,4096}")  # no shorter, or redacting it would tear ordinary words
_HINTS = ("sk-", "AIza", "Bearer ", "://", "key=", "token=")  # one of them is in whatever looks like a key
_LOOKS_LIKE_KEY = re.compile(
    r"\b(?:sk-[\w-]{16,}|AIza[\w-]{30,})|(?<=Bearer )[\w\-.:/+=~]{8,}|(?<=://)[^\s/?#@]+(?=@)"
    r"|(?:(?<=[?&]key=)|(?<=api_key=)|(?<=[?&]token=)|(?<=access_token=))[^\s&#'\"]{4,}"
)
_SECRET = re.compile(r"key|token|secret|passw|sig", re.IGNORECASE)  # in the name of a part of an address
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")  # the name of one may be shown; anything else may be the key itself
_known: set[str] = set()
_pattern = _LOOKS_LIKE_KEY


def read(variables: Sequence[str]) -> tuple[str, ...]:
    """The keys in environment variables; one variable may hold several, separated by commas."""
    keys: list[str] = []
    for variable in variables:
        found = [key.strip() for key in os.environ.get(variable, "").split(",") if key.strip()]
        if not found:
            raise UserError(f"{_named(variable)} is not set; put an API key into it")
        if not all(_KEY.fullmatch(key) for key in found):
            raise UserError(f"{_named(variable)} does not hold an API key (8 or more plain characters)")
        keys += found
    remember(keys)
    return tuple(dict.fromkeys(keys))


def read_one(variable: str | None) -> str | None:
    """The key of the variable that a recipe or an option names, if it names one."""
    return read([variable])[0] if variable else None


def optional(variable: str) -> str | None:
    """The key of a service that may do without."""
    key = os.environ.get(variable)
    if key and _KEY.fullmatch(key):
        remember([key])
    return key


def _named(variable: str) -> str:
    if _VARIABLE.fullmatch(variable):
        return f"the environment variable {variable}"
    return "the environment variable that was named (not repeated here: it may be the key, where its name belongs)"


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


def remember_address(address: str) -> None:
    """The keys in an address, which a server may give back in any form."""
    try:
        parts = urlsplit(address)
    except ValueError:  # no address at all; whoever opens it says so
        return
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    sent = b64encode(f"{user}:{password}".encode()).decode()  # as HTTP sends them
    asked = [value for name, value in parse_qsl(parts.query) if _SECRET.search(name)]
    remember([key for key in (password or user, sent, *asked) if _KEY.fullmatch(key)])


def redact(text: str) -> str:
    if not any(hint in text for hint in (*_HINTS, *_known)):
        return text
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
