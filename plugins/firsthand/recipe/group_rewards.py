"""Group rewards as a recipe writes them: a mapping of names, or a list of `{name: ..., ...}` and `{path: ..., ...}`.

`training/group_rewards.py` pays them, and `doctor` looks at them beforehand; both read them here.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from firsthand.errors import UserError

HOME = "pkg://firsthand.reward_fns.groups"
KEY = "trainer.v1.sampler.sampler_kwargs.group_rewards"


class Entry(NamedTuple):
    """One group reward of a recipe."""

    name: str
    path: str  # file.py:function, or "" for one of HOME
    arguments: dict[str, Any]


def entries(written: Any) -> Iterator[Entry]:
    """In their order; `null` takes one away from an inherited recipe."""
    if isinstance(written, Mapping):
        written = [
            {"name": name, **_arguments(f"{KEY}.{name}", given)} for name, given in written.items() if given is not None
        ]
    elif not isinstance(written, list | None):
        raise UserError(f"{KEY}: {written!r}; write names with their arguments, as `temporal: {{bonus: 0.3}}`")
    for number, given in enumerate(written or [], 1):
        arguments = _arguments(f"{KEY}, number {number}", given)
        path = str(arguments.pop("path", None) or "")
        yield Entry(str(arguments.pop("name", None) or path.rpartition(":")[2]), path, arguments)


def _arguments(place: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise UserError(f"{place}: {given!r}; write its arguments as `{{bonus: 0.3}}`, or `{{}}`")
    return {str(name): value for name, value in given.items()}
