"""Words that a searcher takes for one another: a text file with a line for each group, `cell phone, mobile, phone`."""

from collections.abc import Sequence
from pathlib import Path

from firsthand.errors import UserError
from firsthand.memory.words import Analyser


class Synonyms:
    def __init__(self, path: Path | str, analyser: Analyser) -> None:
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: cannot be read as synonyms ({error})") from None
        self._groups = [[analyser.terms((name,)) for name in line.split(",") if name.strip()] for line in lines]

    def widen(self, terms: Sequence[str]) -> Sequence[str]:
        """The terms, and those of every group of which they hold a member whole."""
        held = set(terms)
        groups = [group for group in self._groups if any(held.issuperset(name) for name in group)]
        return list(dict.fromkeys([*terms, *(term for group in groups for name in group for term in name)]))
