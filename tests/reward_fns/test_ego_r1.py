"""The reward of an agent: the cases that Ego-R1's published reward gets wrong, with the values that are meant."""

import importlib.util
from pathlib import Path

import pytest

from firsthand import clock
from firsthand.rollout.turn_text import Answer, Call, read_action

ROOT = Path(__file__).parents[2]
CALL = """<think>x</think> <tool>{'name': 'rag', 'arguments': '{"level": "day"}'}</tool>"""


@pytest.fixture(scope="module")
def compute_score():
    """Loaded by path, as veRL does it."""
    spec = importlib.util.spec_from_file_location("loaded_by_path", ROOT / "reward_fns/ego_r1.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.compute_score


def trace_of(*turns: str, spans=((100000.0, 100030.0),), images=(), faults: int = 0) -> dict:
    """The trace of these turns of the model; every call gives back `spans`."""
    made, letter = [], None
    for text in turns:
        action = read_action(text, "ego_r1")
        letter = action.letter if isinstance(action, Answer) else letter
        seen = {"spans": [list(span) for span in spans], "images": list(images)} if isinstance(action, Call) else {}
        made.append({"text": text, "action": type(action).__name__.lower(), "spans": [], "images": [], **seen})
    return {"turns": made, "letter": letter, "faults": faults}


def score(compute_score, trace, truth="B", **options):
    return compute_score(
        "ego", "ignored <answer>B</answer>", truth, {"trace": trace, **options.pop("info", {})}, **options
    )


@pytest.mark.parametrize(("answer", "paper", "released"), [
    ("<think>x</think> <answer>B</answer>", 1.0, 1.0),
    ("<think>x</think> <answer>\nB\n</answer>", 1.0, 1.0),  # the published reward gives 0
    ("<think>x</think> <answer>C</answer>", 0.1, 0.0),  # well-formed but wrong: the published reward never pays this
    ("<think>x</think> <answer>Apple, so B</answer>", 0.0, 0.0),  # the published reward reads an A
    ("<think>x</think> <answer>A or B</answer>", 0.0, 0.0),
    ("B", 0.0, 0.0),
    ("<think>x</think> <information>B</information> <answer>B</answer>", 0.0, 0.0),  # writes its own evidence
])  # fmt: skip
def test_the_table_with_the_values_that_are_meant(compute_score, answer, paper, released):
    trace = trace_of(CALL, answer)
    assert score(compute_score, trace, preset="paper")["score"] == pytest.approx(paper)
    assert score(compute_score, trace, preset="released")["score"] == pytest.approx(released)


def test_an_observation_is_never_the_answer(compute_score):
    """`solution_str` holds observations too; only the trace's turns of the model count."""
    assert score(compute_score, trace_of(CALL))["accuracy"] == 0


def test_an_invalid_turn_costs_the_form_but_not_the_answer(compute_score):
    parts = score(compute_score, trace_of("hm", CALL, "<think>x</think> <answer>B</answer>"))
    assert (parts["accuracy"], parts["format"], parts["invalid_turns"], parts["calls"]) == (1, 0, 1, 1)


@pytest.mark.parametrize(("target", "images", "evidence"), [
    (["DAY1_03464000"], (), 1.0),  # 100000 s is DAY1 03:46:40
    (["DAY1_03471100"], (), 0.0),
    (["DAY1_03470000-DAY1_03480000"], (), 1.0),
    (["DAY1_03464000", "DAY1_05000000"], (), 0.5),
    (["DAY1_05000000"], (104400.0,), 1.0),
    ("DAY1_03464000-DAY1_03464000 DAY1_05000000-DAY1_05010000", (), 0.5),  # as rows write them
    ([], (), 0.0),
    (None, (), 0.0),
])  # fmt: skip
def test_evidence_is_the_share_of_targets_that_were_looked_at(compute_score, target, images, evidence):
    trace = trace_of(CALL, "<think>x</think> <answer>B</answer>", images=images)
    assert score(compute_score, trace, info={"target_time": target})["evidence"] == evidence


@pytest.mark.parametrize(("seconds", "options", "evidence"), [
    (600, {}, 1.0),
    (601, {}, 0.0),
    (86400, {}, 0.0),  # a search of the week: the record of a day
    (86400, {"longest": 86400}, 1.0),
    (30, {"longest": 20}, 0.0),
])  # fmt: skip
def test_what_lasts_longer_than_the_limit_is_no_evidence(compute_score, seconds, options, evidence):
    day = clock.parse("DAY1_00000000")
    trace = trace_of(CALL, "<think>x</think> <answer>B</answer>", spans=[(day, day + seconds)])
    parts = score(compute_score, trace, preset="firsthand", info={"target_time": "DAY1_00000500"}, **options)
    assert parts["evidence"] == evidence


def test_evidence_and_economy_pay_only_with_the_right_letter(compute_score):
    parts = score(
        compute_score,
        trace_of(CALL, "<think>x</think> <answer>C</answer>"),
        preset="firsthand",
        info={"target_time": ["DAY1_03464000"]},
    )
    assert (parts["evidence"], parts["economy"]) == (0, 0)
    one, two = (
        score(compute_score, trace_of(*[CALL] * n, "<think>x</think> <answer>B</answer>"), preset="firsthand")
        for n in (1, 2)
    )
    assert one["economy"] > two["economy"] and one["score"] > two["score"]


def test_a_recipe_says_what_each_part_is_worth(compute_score):
    trace = trace_of(CALL, "<think>x</think> <answer>B</answer>")
    parts = score(compute_score, trace, parts={"accuracy": 2.0, "calls": -0.5})
    assert parts["score"] == 1.5 == score(compute_score, trace, weights={"accuracy": 1.5})["score"]


def test_the_keys_are_the_same_for_every_sample(compute_score):
    traces = [
        trace_of(),
        trace_of("hm"),
        trace_of(CALL, "<think>x</think> <answer>B</answer>"),
        trace_of(CALL, faults=1),
    ]
    assert len({tuple(score(compute_score, trace)) for trace in traces}) == 1


@pytest.mark.parametrize(
    "options", [{"preset": "published"}, {"weights": {"acuracy": 1.0}}, {"parts": {"acuracy": 1.0}}]
)
def test_a_wrong_recipe_is_an_error_that_names_the_right_words(compute_score, options):
    with pytest.raises(ValueError, match="is not one of"):
        score(compute_score, trace_of(), **options)
