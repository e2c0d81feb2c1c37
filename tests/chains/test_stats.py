"""The figures of chains: counted by hand, and shown without a word that the chains could smuggle in."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from firsthand.chains.chain import read_chains
from firsthand.chains.stats import measure
from firsthand.cli import app
from firsthand.evals.score import wilson
from firsthand.files import write_text

ANSWER = "<think>x</think> <answer>B</answer>"


def search(**changes) -> str:
    arguments = {"level": "day", "keywords": ["kettle"], "start_time": "DAY1_11000000"} | changes
    return f"<think>x</think> <tool>{json.dumps({'name': 'rag', 'arguments': arguments})}</tool>"


@pytest.fixture
def chains(record, question) -> Path:
    return record(
        (question("a"), [search(), search(level="week"), ANSWER]),
        (question("b", label="<script>alert(1)</script>"), [search(level="year"), ANSWER.replace("B", "A")]),
        (question("c", label=None, answer=None), ["hm", ANSWER.replace("<think>x</think>", "<think></think>")]),
        (question("d"), [ANSWER]),
    )


def test_every_figure(chains) -> None:
    stats = measure(chain.episode for chain in read_chains([chains, chains]))
    assert (stats.chains, stats.questions) == (8, 4)
    assert (stats.right.correct, stats.right.n, stats.right.interval) == (4, 6, wilson(4, 6))
    assert {label: (tally.correct, tally.n) for label, tally in stats.by_label.items()} == {
        "memory": (4, 4), "<script>alert(1)</script>": (0, 2),
    }  # fmt: skip
    assert {calls: (tally.correct, tally.n) for calls, tally in stats.by_calls.items()} == {
        0: (2, 2),
        1: (0, 2),
        2: (2, 2),
    }
    assert (stats.tools, stats.levels) == ({"rag": 6}, {"day": 2, "week": 2, "year": 2})
    assert (stats.statuses, stats.stops) == ({"ok": 4, "user_error": 2}, {"answer": 8})
    assert (stats.turns, stats.thoughts, stats.calls) == (16, 12, 6)
    assert stats.tokens_by_turn == [7.0, 7.0, 7.0] and (stats.cost, stats.unpriced) == (0.0, 0)


def test_the_page_stands_alone_and_escapes_what_chains_say(chains, tmp_path) -> None:
    page = tmp_path / "page.html"
    result = CliRunner().invoke(app, ["cott", "stats", str(chains), "--html", str(page), "--title", "A <b> & c"])
    assert result.exit_code == 0, result.output
    text = page.read_text()
    assert "66.7" in text and "20.8–93.9" in text and "A &lt;b&gt; &amp; c" in text
    assert "<script" not in text and "&lt;script&gt;alert(1)" in text
    assert not re.search(r"(src|href)=\"(?!data:)", text) and "default-src 'none'" in text
    assert "66.7 %, 20.8–93.9 (Wilson 95 %), 2 of 3" in result.output


def test_nothing_to_measure(tmp_path) -> None:
    write_text(tmp_path / "empty.jsonl", "")
    result = CliRunner().invoke(
        app, ["cott", "stats", str(tmp_path / "empty.jsonl"), "--html", str(tmp_path / "p.html")]
    )
    assert result.exit_code == 1 and "no chain" in result.output and not (tmp_path / "p.html").exists()
