"""Sentence similarity: vectors of a server, their cosine, a cache, and failures that are no score."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.evals.judge.similarity import Similarity
from firsthand.files import read_json, read_jsonl
from firsthand.serving.vllm_server import vllm_server

ROOT = Path(__file__).parents[2]
VECTORS = {"a cup": [2.0, 0.0], "one mug": [1.0, 1.0], "one fork": [-1.0, 0.0], "A cup.": [1.0, 0.0]}


@pytest.fixture
def server(chat_server) -> Any:
    """A vector for each text; what has none, it takes for an answer that is not one."""

    def answer(chat: Any, body: dict[str, Any]) -> None:
        server.asked.append(body["input"][1])
        found = [VECTORS[text] for text in body["input"] if text in VECTORS]
        rows = [{"index": number, "embedding": vector} for number, vector in enumerate(found)]
        chat.send(200, {"object": "list", "model": "tiny", "data": rows[::-1]})  # in another order

    server = chat_server(answer, asked=[])
    return server


def ask(run: Path, *words: Any) -> Any:
    words = ("eval", "judge", run, "--similarity", "--retries", 0, "--cache", run / "cache.sqlite", *words)
    return CliRunner(env={"COLUMNS": "300"}).invoke(app, list(map(str, words)))


def test_the_cosine_and_what_has_none(open_run: Path, server) -> None:
    done = ask(open_run, "--server", server.url)
    assert done.exit_code == 1 and "failed q4 (answer)" in done.output and "not an embedding" in done.output
    assert "q5" not in str(server.asked), "an answer that says nothing is worth nothing"
    verdicts = {row["question"]: row["verdict"]["similarity"] for row in read_jsonl(next(verdict_files(open_run)))}
    assert verdicts == {"q1": 1.0, "q2": pytest.approx(0.5**0.5, abs=1e-6), "q3": 0.0, "q5": 0.0}
    [found] = read_json(open_run / "results.json")["runs"]
    score = found["scores"]["answer: similarity by tiny"]
    assert (score["n"], score["missing"], score["correct"]) == (5, 1, pytest.approx(1 + 0.5**0.5, abs=1e-6))
    assert "compared 4 answers with the right ones" in done.output and "no verdict of tiny" in done.output


def verdict_files(run: Path) -> Any:
    return (run / "verdicts").glob("similarity_*.jsonl")


def test_nothing_is_asked_twice_and_a_judge_stands_beside(open_run: Path, server) -> None:
    ask(open_run, "--server", server.url)
    server.asked.clear()
    next(verdict_files(open_run)).unlink()
    ask(open_run, "--server", server.url)
    assert server.asked == ["one odd thing"], "the others are in the cache"
    judged = CliRunner().invoke(app, ["eval", "judge", str(open_run), "--rules"])
    assert judged.exit_code == 0, judged.output
    [found] = read_json(open_run / "results.json")["runs"]
    assert {"answer: mark by rules", "answer: similarity by tiny"} <= found["scores"].keys()
    assert [one["agreement"] for one in found["judges"]] == [None, None], "two scales agree in nothing"


@pytest.mark.parametrize(("output", "verdict"), [("0.25", 0.25), ("-0.5", 0.0), ("1.0000001", 1.0), ("nan", None)])
def test_from_nothing_to_one(output: str, verdict: float | None) -> None:
    assert Similarity().read(output) == (None if verdict is None else {"similarity": verdict})


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.timeout(1200)
def test_vectors_of_a_real_server(open_run: Path, tmp_path: Path) -> None:
    """vLLM pools the tiny text model; what its vectors mean is nothing, but equal texts are alike."""
    pytest.importorskip("vllm")
    with vllm_server(ROOT / "models/tiny_qwen2_5", "tiny", tmp_path / "log", 512, ["--runner", "pooling"]) as url:
        done = ask(open_run, "--server", url, "--model", "tiny")
    assert done.exit_code == 0, done.output
    rows = {row["question"]: row["verdict"]["similarity"] for row in read_jsonl(next(verdict_files(open_run)))}
    assert rows.keys() == {"q1", "q2", "q3", "q4", "q5"} and rows["q5"] == 0.0
    assert all(0 < rows[key] <= 1 for key in ("q1", "q2", "q3", "q4")) and json.dumps(rows)
