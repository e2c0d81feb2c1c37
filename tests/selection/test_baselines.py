"""Each baseline on rows whose choice can be reckoned by hand, through the interface of `csm`."""

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from firsthand.errors import UserError
from firsthand.selection.baselines import alignment
from firsthand.selection.ledger import Entry, Thought
from firsthand.selection.methods import Method
from firsthand.selection.rules import Seen


def method(**keys):
    return TypeAdapter(Method).validate_python(keys)


def entries(**full: str) -> list[Entry]:
    """name=samples of the full condition"""
    return [
        Entry(
            id=name,
            number=number,
            scores={
                "full": Seen(accuracy=[float(c) for c in said]),
                "blind": Seen(accuracy=[0.0] * 5),
                "masked": Seen(),
            },
            thought=Thought(words=number, checks=0),
        )
        for number, (name, said) in enumerate(full.items())
    ]


def chosen(way, rows) -> list[str]:
    return [row.id for row, verdict in zip(rows, way.decide(rows, False), strict=True) if verdict.kept]


def test_full_random_and_pass_rate() -> None:
    rows = entries(a="00000", b="10000", c="11110", d="11111")
    assert chosen(method(name="full"), rows) == ["a", "b", "c", "d"]
    half = chosen(method(name="random", share=0.5, seed=1), rows)
    assert len(half) == 2 and half == [
        id for id in "abcd" if id in chosen(method(name="random", share=0.5, seed=1), rows[::-1])
    ]
    assert any(chosen(method(name="random", share=0.5, seed=seed), rows) != half for seed in range(2, 9))
    assert chosen(method(name="pass_rate"), rows) == ["b", "c"]
    assert chosen(method(name="pass_rate", above=0.5), rows) == ["c"]
    assert [verdict.reason for verdict in method(name="pass_rate").decide(rows, False)] == [
        "too hard", "kept", "kept", "too easy",
    ]  # fmt: skip
    rows[1].scores["full"] = Seen(accuracy=[1.0])
    assert method(name="pass_rate").decide(rows, False)[1].reason == "unanswered"


def test_s1_drops_what_is_solved_and_draws_long_thoughts_of_every_domain() -> None:
    rows = [
        Entry(id=f"{label}{n}", number=n, label=label, thought=Thought(words=n),
              scores={"blind": Seen(accuracy=[0.0]), "full": Seen(accuracy=[0.0]), "masked": Seen()})
        for label in "ab" for n in range(20)
    ]  # fmt: skip
    rows[0].scores["blind"] = Seen(accuracy=[1.0])
    rows[1].scores["full"] = Seen(accuracy=[1.0])
    kept = chosen(method(name="s1", share=0.25), rows)
    assert len(kept) == 10 and not {"a0", "a1"} & {*kept}
    assert 2 <= sum(id[0] == "a" for id in kept) <= 8
    lengths = [int(id[1:]) for id in kept]
    assert sum(lengths) / len(lengths) > 13  # the weight of rank n is 2^-n, and the mean of all is 9.5


def test_limo_takes_the_best_thoughts_of_rows_that_are_solved_now_and_then() -> None:
    rows = entries(a="00000", b="10000", c="11000", d="11100", e="11110")
    rows[1].thought = Thought(words=1, checks=5)  # as good as 51 words
    assert chosen(method(name="limo", samples=5, share=0.4), rows) == ["b", "d"]


def test_limr_by_hand() -> None:
    """Two rows, two visits. Means of all: 0.25 and 0.75; room = 0.75² + 0.25² = 0.625.
    a: 0.5, 1.0 -> 1 - (0.0625 + 0.0625) / 0.625 = 0.8; b: 0.0, 0.5 -> the same."""
    assert alignment({"a": [[0, 1], [1, 1]], "b": [[0, 0], [1, 0]]}) == pytest.approx({"a": 0.8, "b": 0.8})
    late = alignment({"a": [[0.0], [1.0]], "c": [[1.0]]})  # c lacks a visit: 1, 1; means 0.5, 1; room 0.25
    assert late == pytest.approx({"a": 0.0, "c": 0.0})


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    folder = tmp_path / "traces"
    folder.mkdir()
    seen = {1: {"a": (0, 0), "b": (0, 1)}, 2: {"a": (0, 0), "b": (1, 1)}, 3: {"a": (0, 0), "b": (0, 1)}}
    for step, rows in seen.items():
        rollouts = [
            {"step": step, "key": f"{id}_0_{n}", "facts": {"id": id}, "parts": {"accuracy": value}}
            for id, values in rows.items()
            for n, value in enumerate(values)
        ]
        (folder / f"{step:06d}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rollouts))
    return folder


def test_greso_skips_what_taught_nothing_lately(traces: Path) -> None:
    """a: three visits without variance -> kept with 0.5³; b: its last visit taught something -> always kept."""
    rows = entries(a="", b="", c="")
    kept = [chosen(method(name="greso", traces=traces, seed=seed), rows) for seed in range(200)]
    assert all("b" in one and "c" in one for one in kept)
    assert 10 <= sum("a" in one for one in kept) <= 42  # 25 expected, 3.6 standard deviations


def test_limr_reads_traces_and_says_what_it_misses(traces: Path, tmp_path: Path) -> None:
    rows = entries(a="", b="", c="")
    verdicts = method(name="limr", traces=traces).decide(rows, False)
    assert verdicts[2].reason == "not seen in training" and {v.reason for v in verdicts[:2]} <= {"kept", "not aligned"}
    with pytest.raises(UserError, match="no traces; write `traces: "):
        method(name="limr", traces=tmp_path / "none").decide(rows, False)
