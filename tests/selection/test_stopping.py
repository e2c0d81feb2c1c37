"""A row ends exactly when nothing that its other samples could say changes its decision; no sooner, and not later."""

import itertools
import random

import pytest
from pydantic import ValidationError

from firsthand.selection.rules import CONDITIONS, Condition, Rules, Scores, Seen
from firsthand.selection.stopping import Planner, chances


def scores(blind: str = "", full: str = "", masked: str = "") -> Scores:
    """Right and wrong samples as 1 and 0, each with its form."""
    given = zip(CONDITIONS, (blind, full, masked), strict=True)
    return {one: Seen(accuracy=[float(c) for c in said], form=[1.0] * len(said)) for one, said in given}


def kept(rules: Rules, drawn: Scores) -> bool:
    """The two filters, reckoned without any of the code under test."""
    full, blind, masked = (sum(drawn[one].accuracy) / rules.samples for one in ("full", "blind", "masked"))
    form = (sum(drawn["full"].form) - sum(drawn["blind"].form)) / rules.samples
    helps = (full - blind + form) / 2 > 0.1 + 1e-9
    return helps and full - masked > 0.5 + 1e-9


def possible(rules: Rules, drawn: Scores) -> set[bool]:
    """The decisions that some answers to the open samples lead to: the extremes of each sum are enough."""
    left = {one: rules.samples - len(drawn[one]) for one in CONDITIONS}
    decisions = set()
    for rights in itertools.product(*(range(left[one] + 1) for one in CONDITIONS)):
        for forms in itertools.product(*(range(left[one] + 1) for one in ("blind", "full"))):
            whole = {}
            for one, right in zip(CONDITIONS, rights, strict=True):
                form = dict(zip(("blind", "full"), forms, strict=True)).get(one, 0)
                seen = drawn[one]
                whole[one] = Seen(
                    accuracy=seen.accuracy + [1.0] * right + [0.0] * (left[one] - right),
                    form=seen.form + [1.0] * form + [0.0] * (left[one] - form),
                )
            decisions.add(kept(rules, whole))
    return decisions


@pytest.mark.parametrize("seed", range(12))
def test_with_risk_0_a_row_ends_when_and_only_when_it_is_decided(seed: int) -> None:
    rules, rng = Rules(samples=3), random.Random(seed)
    planner, drawn = Planner(rules, has_form=True), {one: Seen() for one in CONDITIONS}
    right = {one: rng.random() for one in CONDITIONS}
    while wanted := planner.next(drawn):
        assert possible(rules, drawn) == {True, False}
        condition, count = wanted
        for _ in range(count):
            drawn[condition].add(float(rng.random() < right[condition]), float(rng.random() < 0.9))
    assert len(possible(rules, drawn)) == 1
    assert possible(rules, drawn) == {chances(drawn, rules, None, True)[0] > 0}


def test_the_shortest_runs_of_the_published_filters() -> None:
    """D_f > 0.5 of five needs three more right in full than masked: three right masked ones leave 5 - 3 = 2."""
    planner = Planner(Rules(), has_form=True)
    assert planner.next(scores()) == ("masked", 3)
    assert planner.next(scores(masked="111")) is None
    assert planner.next(scores(full="000")) is None
    assert planner.next(scores(masked="000", full="11111", blind="")) is not None  # the video may not have helped
    assert planner.next(scores(masked="00000", full="11111", blind="00000")) is None


def test_whole_requests_ask_each_condition_once() -> None:
    planner, rng, drawn = Planner(Rules(requests="whole"), has_form=True), random.Random(3), scores()
    asked = []
    while wanted := planner.next(drawn):
        asked.append(wanted)
        for _ in range(wanted[1]):
            drawn[wanted[0]].add(float(rng.random() < 0.5), 1.0)
    assert asked[0] == ("masked", 5) and all(count == 5 for _, count in asked)


def test_a_threshold_is_strict() -> None:
    """Signed, M = 5: one more right in full is 0.1 on the mixed scale and stays below, two more pass."""
    rules = Rules(fine=None)
    for blind, passes in (("11110", False), ("11100", True)):
        keep, drop = chances(scores(blind=blind, full="11111"), rules, None, True)
        assert (keep, drop) == pytest.approx((float(passes), float(not passes)))
    rules = Rules(coarse=None, fine={"threshold": 0.6})
    assert chances(scores(full="11111", masked="11000"), rules, None, True)[0] == 0  # 0.6 is not above 0.6
    relative = Rules(coarse=None, fine={"scale": "relative", "threshold": 0.5})
    assert chances(scores(full="11000", masked="00000"), relative, None, True)[1] == 0  # 0.4 of 0.4
    assert chances(scores(full="11110", masked="11000"), relative, None, True)[0] == 0  # half, not more


def test_a_stated_risk_saves_more_and_is_kept_to() -> None:
    """Policies drawn at random: wrong decisions stay near the risk, over all rows and not only on average of them."""
    rng, samples, wrong, rows = random.Random(0), {}, {}, 300
    drawn = []
    for _ in range(rows):
        right = {one: rng.betavariate(0.5, 0.5) for one in CONDITIONS}
        drawn.append({one: [float(rng.random() < right[one]) for _ in range(5)] for one in CONDITIONS})
    for risk in (0.0, 0.02):
        rules = Rules(risk=risk)
        samples[risk] = wrong[risk] = 0
        for row in drawn:
            planner, seen = Planner(rules, has_form=False), {one: Seen() for one in CONDITIONS}
            while wanted := planner.next(seen):
                for value in row[wanted[0]][len(seen[wanted[0]]) :][: wanted[1]]:
                    seen[wanted[0]].add(value, None)
            samples[risk] += sum(map(len, seen.values()))
            whole: dict[Condition, Seen] = {one: Seen(accuracy=row[one]) for one in CONDITIONS}
            keep, drop = chances(seen, rules, None, False)
            wrong[risk] += (keep > drop) != (chances(whole, rules, None, False)[0] > 0.5)
    assert wrong[0.0] == 0 and samples[0.02] < samples[0.0] < 0.55 * rows * 15
    assert wrong[0.02] <= 0.02 * rows


def test_rewards_between_0_and_1_are_bounded_too() -> None:
    planner = Planner(Rules(coarse=None), has_form=False)
    drawn = {one: Seen() for one in CONDITIONS} | {"masked": Seen(accuracy=[0.9, 0.8, 0.8])}
    assert planner.next(drawn) is None  # 5 - 2.5 is not more than 2.5
    drawn["masked"] = Seen(accuracy=[0.9, 0.8, 0.7])
    assert planner.next(drawn) is not None


def test_presets_differ_as_paper_and_release_do() -> None:
    paper, released = Rules(), Rules(preset="released")
    assert (paper.coarse.mode, paper.coarse.threshold, paper.fine.threshold) == ("signed", 0.1, 0.5)  # type: ignore[union-attr]
    assert (released.coarse.mode, released.coarse.threshold, released.fine) == ("centered_abs", 0.12, None)  # type: ignore[union-attr]
    changed = Rules(preset="released", coarse={"threshold": 0.2}).coarse
    assert changed and (changed.mode, changed.threshold) == ("centered_abs", 0.2)
    assert Rules(preset="released", fine={"threshold": 0.3}).conditions == CONDITIONS
    for wrong in ({"coarse": None, "fine": None}, {"fine": None, "share": 0.2}, {"preset": "ours"}):
        with pytest.raises(ValidationError):
            Rules(**wrong)
