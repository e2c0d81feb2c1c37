"""What a proof collects: how many things it looked at, and which of them failed and why."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from firsthand.errors import UserError


@dataclass(frozen=True)
class Finding:
    check: str
    id: str  # the clip, record, question or split that failed
    message: str


@dataclass
class Findings:
    looked_at: Counter[str] = field(default_factory=Counter)
    failed: list[Finding] = field(default_factory=list)

    def require(self, holds: object, check: str, name: str, message: str) -> None:
        if not holds:
            self.failed.append(Finding(check, name, message))

    @contextmanager
    def about(self, check: str, name: str) -> Iterator[None]:
        """Counts one thing; a field of it that is missing or of the wrong kind is a finding, not a crash."""
        self.looked_at[check] += 1
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, UserError) as error:
            self.failed.append(Finding(check, name, f"cannot be read: {type(error).__name__}: {error}"))

    def merge(self, other: "Findings") -> None:
        self.looked_at.update(other.looked_at)
        self.failed += other.failed
