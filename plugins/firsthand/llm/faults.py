"""How a question to a server can fail, as types: may a second try help, must it wait, or is it of no use?"""

import math
from typing import Any

LONGEST_WAIT = 3600.0  # seconds, whatever a server asks for
_PASSING = (408, 409, 425, 429)


class Failed(Exception):
    """A fault that a second try will not change. The message is shown; that of any other exception is only logged."""

    status: int | None = None  # of HTTP
    retry_after: float | None = None  # the wait in seconds that the service asks for


class Unavailable(Failed):
    """A fault of a service that a second try may get past."""

    def __init__(self, message: str, retry_after: float | None = None):
        super().__init__(message)
        self.retry_after = retry_after


class Busy(Unavailable):
    """Our own rate limit has no room for `retry_after` seconds; it says nothing against the service."""


def of_status(status: int, why: str, wait: str | None = None) -> Failed:
    """What an HTTP status means; `wait` is the header Retry-After."""
    passing = status in _PASSING or status >= 500
    failed = Unavailable(f"HTTP {status}") if passing else Failed(f"HTTP {status}: {why[:200]}")
    failed.status, failed.retry_after = status, retry_after(wait)
    return failed


def of_openai(error: Any) -> Failed:
    """What an `openai.APIError` means. (Its type is not named here: the import takes a second.)"""
    if status := getattr(error, "status_code", None):
        return of_status(status, error.message, error.response.headers.get("retry-after"))
    return Unavailable(f"no answer ({error.__cause__ or error})")  # refused, reset, timed out, not HTTP


def retry_after(header: str | None) -> float | None:
    """Whole seconds, as every API of this kind writes them; anything else says nothing."""
    try:
        seconds = float(header or "nan")
    except ValueError:
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT) if math.isfinite(seconds) else None
