"""What the proofs of a week collect: how many things they looked at, and which of them failed and why.

A proof is written as claims: what must hold, and the message for where it does not.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from firsthand.errors import UserError
from firsthand.findings import Finding, of_proof

Claims = Iterator[tuple[object, str]]


@dataclass
class Findings:
    looked_at: Counter[str] = field(default_factory=Counter)
    failed: list[Finding] = field(default_factory=list)  # the key is the clip, record, question or split

    def prove(self, proof: str, name: str, claims: Claims) -> None:
        """Counts one thing as looked at; content that cannot be read is a finding too."""
        with self.about(proof, name):
            self.require_all(proof, name, claims)

    def require_all(self, proof: str, name: str, claims: Claims) -> None:
        for holds, message in claims:
            self.require(holds, proof, name, message)

    def require(self, holds: object, proof: str, name: str, message: str) -> None:
        if not holds:
            self.failed.append(of_proof(proof, "error", message, key=name))

    @contextmanager
    def about(self, proof: str, name: str) -> Iterator[None]:
        """Counts one thing; a field of it that is missing or of the wrong kind is a finding, not a crash."""
        self.looked_at[proof] += 1
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, UserError) as error:
            self.require(False, proof, name, f"cannot be read: {type(error).__name__}: {error}")

    def merge(self, other: "Findings") -> None:
        self.looked_at.update(other.looked_at)
        self.failed += other.failed
