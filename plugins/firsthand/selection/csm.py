"""Ego3S's selection (CSM): rows that the video helps with, and that fall when the interaction region is hidden."""

from collections.abc import Sequence
from statistics import fmean
from typing import Literal

from firsthand.selection.ledger import (
    BELOW_SHARE,
    KEPT,
    NEVER_SOLVED,
    NO_DROP,
    NO_GAIN,
    SOLVED_BLIND,
    UNANSWERED,
    Entry,
    Verdict,
)
from firsthand.selection.rules import Rules, drop_of, gain_of
from firsthand.selection.stopping import Planner, chances


class Csm(Rules):
    name: Literal["csm"]

    def centre(self, entries: Sequence[Entry]) -> float | None:
        """The mean coarse difference of all rows that could be asked."""
        gains = [gain for entry in entries if not entry.reason and (gain := gain_of(entry.scores)) is not None]
        return fmean(gains) if self.needs_centre and gains else None

    def planner(self, has_form: bool, centre: float | None) -> Planner:
        return Planner(self, has_form, centre)

    def decide(self, entries: Sequence[Entry], has_form: bool) -> list[Verdict]:
        planner = self.planner(has_form, self.centre(entries))
        verdicts = [self._one(entry, planner) for entry in entries]
        return self._ranked(entries, verdicts) if self.share else verdicts

    def _one(self, entry: Entry, planner: Planner) -> Verdict:
        if entry.reason:
            return Verdict(False, entry.reason)
        if planner.next(entry.scores):
            return Verdict(False, UNANSWERED)
        keep, drop = chances(entry.scores, self, planner.centre, planner.has_form)
        return Verdict(True, KEPT) if keep > drop else Verdict(False, self._why_dropped(entry, planner))

    def _why_dropped(self, entry: Entry, planner: Planner) -> str:
        full, blind = entry.scores["full"], entry.scores["blind"]
        if len(full) and not any(full.accuracy):
            return NEVER_SOLVED
        if self.coarse:
            coarse = self.model_copy(update={"fine": None})
            helps, not_ = chances(entry.scores, coarse, planner.centre, planner.has_form)
            if helps < not_ and helps <= (self.risk or 0):
                return SOLVED_BLIND if any(blind.accuracy) else NO_GAIN
        return NO_DROP

    def _ranked(self, entries: Sequence[Entry], verdicts: list[Verdict]) -> list[Verdict]:
        """The share of all rows whose scores fall most without the region, among those that the video helps with."""

        def rank(place: int) -> tuple[float, float, str]:
            scores = entries[place].scores
            return -(drop_of(scores, self.fine) or 0), -(gain_of(scores) or 0), entries[place].id

        assert self.share
        survivors = sorted((place for place, verdict in enumerate(verdicts) if verdict.kept), key=rank)
        for place in survivors[round(self.share * len(entries)) :]:
            verdicts[place] = Verdict(False, BELOW_SHARE)
        return verdicts
