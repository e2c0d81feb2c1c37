"""S, gates, the sampler and the update by hand, and that their state survives."""

import json

import pytest

from firsthand.curriculum.recuration import ranked, recurated
from firsthand.curriculum.samplers import LeastRecent
from firsthand.curriculum.stagnation import Stagnation, StagnationRules, variance
from firsthand.selection.gates import SometimesRight, ZeroVariance
from firsthand.selection.ledger import Entry, Verdict
from firsthand.selection.rules import Seen

RIGHT, SOME, WRONG = [1.0] * 5, [1.0, 0.0, 0.0, 0.0, 0.0], [0.0] * 5


def test_the_variance_of_five_right_or_wrong_answers() -> None:
    """c (5 - c) / 25"""
    levels = [variance([1.0] * c + [0.0] * (5 - c)) for c in range(6)]
    assert levels == pytest.approx([0, 0.16, 0.24, 0.24, 0.16, 0])


def stagnant(rules: StagnationRules, *probings: tuple[int, dict]) -> Stagnation:
    gate = Stagnation(rules, total_steps=1000)
    for step, rewards in probings:
        gate.observe(step, rewards)
    return gate


def test_the_share_of_unchanged_probes() -> None:
    """a: always right; b: 1 of 5, then 4 of 5, which is the same variance; c: wrong, then 1 of 5; d: no answer."""
    first = {"a": RIGHT, "b": SOME, "c": WRONG, "d": []}
    gate = stagnant(StagnationRules(), (100, first), (200, {"a": RIGHT, "b": [1, 1, 1, 1, 0], "c": SOME, "d": SOME}))
    assert gate.stagnation == pytest.approx(2 / 3)
    assert gate.metrics()["curriculum/probes"] == 4 and gate.metrics()["curriculum/accuracy"] == pytest.approx(0.55)
    assert stagnant(StagnationRules(), (100, first)).stagnation is None


def test_variances_of_partial_rewards_count_as_equal_within_epsilon() -> None:
    first, second = {"a": [0.5, 0.7]}, {"a": [0.5, 0.72]}  # 0.01 and 0.0121
    assert stagnant(StagnationRules(), (1, first), (2, second)).stagnation == 0
    assert stagnant(StagnationRules(epsilon=0.02), (1, first), (2, second)).stagnation == 1


def test_when_rows_may_change() -> None:
    """S > 0.6 strictly, 200 steps after the last change, not in the last tenth."""
    half = {"a": RIGHT, "b": RIGHT, "c": RIGHT, "d": WRONG, "e": SOME}
    other = {"a": RIGHT, "b": RIGHT, "c": RIGHT, "d": SOME, "e": WRONG}
    assert not stagnant(StagnationRules(), (100, half), (200, other)).admit(200)  # S is 0.6
    gate = stagnant(StagnationRules(), (100, half), (200, half))
    assert gate.admit(200) and gate.admit(899) and not gate.admit(900)
    gate.change(200)
    assert not gate.admit(399) and gate.admit(400)


def test_state_is_json_and_goes_on() -> None:
    gate = stagnant(StagnationRules(), (100, {"a": RIGHT}), (200, {"a": RIGHT}))
    gate.change(200)
    again = Stagnation(StagnationRules(), 1000)
    again.resume(json.loads(json.dumps(gate.state())))
    for one in (gate, again):
        one.observe(300, {"a": SOME})
    assert again.state() == gate.state() and again.stagnation == 0


def test_sometimes_right() -> None:
    gate = SometimesRight()
    for id, rewards in {"a": RIGHT, "b": SOME, "c": WRONG}.items():
        gate.observe(id, rewards)
    assert [gate.admit(id) for id in ("a", "b", "c", "new")] == [False, True, False, True]
    assert gate.metrics() == {"gate/sometimes_right": pytest.approx(1 / 3)}
    again = SometimesRight()
    again.resume(json.loads(json.dumps(gate.state())))
    assert again.state() == gate.state()


def test_zero_variance_lets_in_less_and_less_and_forgives() -> None:
    gate = ZeroVariance(explore=0.5)
    for _ in range(3):
        gate.observe("a", WRONG)
    admitted = sum(gate.admit("a") for _ in range(800))
    assert 70 <= admitted <= 130  # 100 expected: 0.5³ of 800; the deviation is 9
    again = ZeroVariance(explore=0.5)
    again.resume(json.loads(json.dumps(gate.state())))
    assert [again.admit("a") for _ in range(50)] == [gate.admit("a") for _ in range(50)]
    gate.observe("a", SOME)
    assert all(gate.admit("a") for _ in range(50))


def test_every_row_has_its_turn() -> None:
    sampler = LeastRecent([f"q{n}" for n in range(10)], seed=1)
    turns: list[str] = []
    for step in range(5):
        slice_ = sampler.next(4)
        sampler.observe(step, slice_)
        turns += slice_
    assert len(set(turns[:8])) == 8 and len(set(turns)) == 10 and sampler.next(4) == sampler.next(4)
    assert set(turns[8:10]) == {f"q{n}" for n in range(10)} - set(turns[:8])
    again = LeastRecent(sampler.ids, seed=1)
    again.resume(json.loads(json.dumps(sampler.state())))
    assert again.next(7) == sampler.next(7) and sampler.metrics() == {"sampler/scored": 1.0}


def test_new_rows_are_the_best_of_the_slice_and_a_fifth_of_the_old() -> None:
    old, best = [f"o{n}" for n in range(10)], [f"b{n}" for n in range(20)]
    update = recurated(old, best, 10, 0.2, "seed")
    assert len(update.active) == 10 and sum(id in old for id in update.active) == 2
    assert update.entered == [f"b{n}" for n in range(8)] and len(update.left) == 8 and round(update.overlap, 9) == 0.2
    few = recurated(old, best[:3], 10, 0.2, "seed")
    assert few.entered == best[:3] and len(few.active) == 10 and len(few.left) == 3
    assert recurated(old, [], 10, 0.2, "seed").active != [] and recurated(old, [], 10, 0.2, "seed").entered == []


def test_rows_are_ranked_by_their_drop_and_must_be_able_to_teach() -> None:
    def entry(id: str, full: list[float], masked: list[float]) -> Entry:
        scores = {"full": Seen(accuracy=full), "masked": Seen(accuracy=masked), "blind": Seen(accuracy=WRONG)}
        return Entry(id=id, number=0, scores=scores)

    entries = [
        entry("sure", RIGHT, WRONG),
        entry("small", SOME, WRONG),
        entry("large", [1, 1, 1, 1, 0], WRONG),
        entry("never", WRONG, WRONG),
        entry("blind", [1, 1, 1, 0, 0], WRONG),
    ]
    verdicts = [Verdict(entry.id != "blind", "") for entry in entries]
    assert ranked(entries, verdicts, None, SometimesRight()) == ["large", "small"]
