"""Whose week or which video a request is about, and when its question was asked.

The client program knows this; the model must not choose it. So it never comes from a tool's arguments, but from the
parts of a request that a program writes: the options that the server was started with, a prefix of the path, headers,
and the fields that Ego-R1's and verl-tool's clients add to their bodies. All parts must name the same source, and the
earliest of their query times counts: each part can only narrow what the others say.

A request without a query time is refused. If the whole video may be seen (EgoSchema, Video-MME, or a client that cannot
say when), the query time is `end`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from firsthand import clock
from firsthand.errors import UserError
from firsthand.media.names import person
from firsthand.tools.protocol import Context

if TYPE_CHECKING:
    from starlette.requests import Request  # part of the extra `tools`; agents outside a server do not need it

END = "end"  # of a video; how long it is need not be known
HOW = "send the headers X-Source and X-Query-Time, or use a path like /A1_JAKE@DAY3_12000000/query"


@dataclass(frozen=True)
class Scope:
    """What is known so far; None is not said yet."""

    source: str | None = None
    query_time: float | None = None  # seconds of `clock`; infinite: the whole video may be seen

    @classmethod
    def of(cls, source: str | None = None, query_time: str | None = None) -> "Scope":
        time = math.inf if query_time == END else clock.parse(query_time) if query_time else None
        return cls(person(source) if source else None, time)

    @classmethod
    def of_fields(cls, fields: Mapping[str, Any]) -> "Scope":
        """The scope that a client program adds to a body: source, identity or vid_id, and query_time."""
        values = {key: fields[key] for key in ("source", "identity", "vid_id", "query_time") if fields.get(key)}
        for key, value in values.items():
            if not isinstance(value, str):
                raise UserError(f"{key} must be text")
        scope = cls.of(query_time=values.pop("query_time", None))
        for name in values.values():
            scope = scope.narrowed(cls.of(name))
        return scope

    def narrowed(self, other: "Scope") -> "Scope":
        if self.source and other.source and self.source != other.source:
            raise UserError(f"this request is about {self.source}, not about {other.source}")
        times = [time for time in (self.query_time, other.query_time) if time is not None]
        return Scope(self.source or other.source, min(times, default=None))

    def context(self, how: str = HOW) -> Context:
        """`how` says where the caller's user writes what is missing."""
        if self.source is None:
            raise UserError(f"whose week is it, or which video? {how}")
        if self.query_time is None:
            raise UserError(f"when was the question asked (DAYx_HHMMSSFF, or `{END}`)? {how}")
        return Context(self.source, None if self.query_time == math.inf else self.query_time)


def of_request(request: "Request", pinned: Scope) -> Scope:
    """What a request says outside its body: the server's options, the prefix of the path, the headers."""
    source, at, time = request.path_params.get("row", "").rpartition("@")
    prefix = Scope.of(source, time) if at else Scope.of(time)
    headers = Scope.of(request.headers.get("x-source"), request.headers.get("x-query-time"))
    return pinned.narrowed(prefix).narrowed(headers)
