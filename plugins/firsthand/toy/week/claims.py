"""A proof is written as claims: what must hold, and the message for where it does not."""

from collections.abc import Iterator

from firsthand.toy.week.findings import Findings

Claims = Iterator[tuple[object, str]]


def prove(found: Findings, check: str, name: str, claims: Claims) -> None:
    """Counts one thing as looked at; content that cannot be read is a finding too."""
    with found.about(check, name):
        require(found, check, name, claims)


def require(found: Findings, check: str, name: str, claims: Claims) -> None:
    for holds, message in claims:
        found.require(holds, check, name, message)
