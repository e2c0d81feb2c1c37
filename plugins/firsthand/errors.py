"""The one exception that is a message to the user: what is wrong, where, and how to fix it."""

import sys
from collections.abc import Sequence
from typing import Any, Protocol


class UserError(Exception):
    """Printed by the command line as one message with exit code 1, never as a traceback."""


def message_of(error: Exception) -> str | None:
    """What the user reads of an error that the machine, a file or a server caused; None: it is a fault of ours."""
    match error:
        case UserError():
            return str(error)
        case BrokenPipeError():  # whoever read our output has gone: typer ends without a word
            return None
        case MemoryError():
            return "out of memory; give it less at a time, or a machine with more"
        case RecursionError():
            return "something in the input is nested too deeply"
        case OSError() | UnicodeError():
            return f"{error}"
    foreign = [getattr(sys.modules.get(name), kind, ()) for name, kind in _FOREIGN.items()]
    return f"{type(error).__name__}: {error}" if isinstance(error, tuple(filter(None, foreign))) else None


_FOREIGN = {"sqlite3": "Error", "openai": "APIError", "pyarrow": "ArrowException"}  # looked up, never imported


class Refusal(Protocol):
    """An error of pydantic, or of what builds on it."""

    def errors(self) -> Sequence[Any]: ...


def problems(error: Refusal, whole: str = "") -> list[str]:
    """What pydantic did not accept, as `key.key: why`; `whole` stands where it says no key."""
    found = [(".".join(map(str, each["loc"])) or whole, each["msg"]) for each in error.errors()]
    return [f"{where}: {why}" if where else why for where, why in found]


def first_problem(error: Refusal, whole: str = "") -> str:
    return problems(error, whole)[0]
