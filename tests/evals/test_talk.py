"""Conversations: a turn sees the model's own earlier answers, also after a kill; never the gold ones."""

from pathlib import Path
from typing import Any

import pytest
from typer import Exit

from firsthand.errors import UserError
from firsthand.evals.benchmarks import Benchmark
from firsthand.evals.commands import execute
from firsthand.evals.metrics.text import EXACT
from firsthand.evals.ways import AsWritten, Run
from firsthand.files import read_jsonl, write_jsonl
from firsthand.question import Question
from firsthand.rollout.prompt import eval_row


def turn(id: str, follows: str | None) -> dict[str, Any]:
    labels = {"follows": follows}
    made = Question(id=id, question=f"asked {id}", answer=f"gold {id}", labels=labels, data_source="x", split="test")
    return eval_row(made)


@pytest.fixture
def model(chat_server) -> Any:
    def answer(chat: Any, body: dict[str, Any]) -> None:
        asked = body["messages"][-1]["content"]
        server.seen[asked] = [turn["content"] for turn in body["messages"][1:-1]]
        if asked in server.broken:
            chat.send(400, {"error": {"message": "no"}})
        else:
            chat.complete(f"own {asked}")

    server = chat_server(answer, seen={}, broken=set())
    return server


def run(tmp_path: Path, model: Any, *rows: dict[str, Any]) -> None:
    write_jsonl(tmp_path / "rows.jsonl", rows)
    benchmark = Benchmark("egoconv", "", tmp_path / "rows.jsonl", AsWritten(), (EXACT,))
    execute(benchmark, Run(out=tmp_path / "run", server=model.url, model="tiny", retries=0, concurrency=4))


ROWS = [turn("a0", None), turn("a1", "a0"), turn("b0", None), turn("a2", "a1"), turn("b1", "b0")]


def test_own_answers_are_the_history(tmp_path: Path, model) -> None:
    run(tmp_path, model, *ROWS)
    assert model.seen == {
        "asked a0": [],
        "asked a1": ["asked a0", "own asked a0"],
        "asked a2": ["asked a0", "own asked a0", "asked a1", "own asked a1"],
        "asked b0": [],
        "asked b1": ["asked b0", "own asked b0"],
    }
    assert "gold" not in str(model.seen)


def test_a_turn_that_failed_stops_its_conversation_alone_and_both_go_on_later(tmp_path: Path, model) -> None:
    model.broken = {"asked a1"}
    with pytest.raises(Exit):
        run(tmp_path, model, *ROWS)
    assert "asked a2" not in model.seen and "asked b1" in model.seen
    assert sorted(row["id"] for row in read_jsonl(tmp_path / "run/answers.jsonl")) == ["a0", "b0", "b1"]
    model.broken = set()
    model.seen.clear()
    run(tmp_path, model, *ROWS)
    assert model.seen["asked a2"] == ["asked a0", "own asked a0", "asked a1", "own asked a1"]
    assert sorted(model.seen) == ["asked a1", "asked a2"], "nothing is asked twice"


def test_a_turn_before_the_one_that_it_follows_is_an_error(tmp_path: Path, model) -> None:
    with pytest.raises(UserError, match="a1 follows a0, which does not stand before it"):
        run(tmp_path, model, turn("a1", "a0"), turn("a0", None))
