"""The one exception that is a message to the user: what is wrong, where, and how to fix it."""

from collections.abc import Sequence
from typing import Any, Protocol


class UserError(Exception):
    """Printed by the command line as one message with exit code 1, never as a traceback."""


class Refusal(Protocol):
    """An error of pydantic, or of what builds on it."""

    def errors(self) -> Sequence[Any]: ...


def problems(error: Refusal, whole: str = "") -> list[str]:
    """What pydantic did not accept, as `key.key: why`; `whole` stands where it says no key."""
    found = [(".".join(map(str, each["loc"])) or whole, each["msg"]) for each in error.errors()]
    return [f"{where}: {why}" if where else why for where, why in found]


def first_problem(error: Refusal, whole: str = "") -> str:
    return problems(error, whole)[0]
