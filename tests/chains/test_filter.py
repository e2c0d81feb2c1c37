"""Every rule drops what it is for, and nothing else; every drop is listed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from firsthand.chains.rules import NAMES
from firsthand.cli import app
from firsthand.files import read_jsonl, write_json, write_jsonl
from firsthand.rollout.prompt import eval_row

ANSWER = "<think>It is on the shelf.</think> <answer>B</answer>"


def search(thought: str = "I search with rag.", name: str = "rag", **changes) -> str:
    arguments = {"level": "day", "keywords": ["kettle"], "start_time": "DAY1_11000000"} | changes
    return f"<think>{thought}</think> <tool>{json.dumps({'name': name, 'arguments': arguments})}</tool>"


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["cott", "filter", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def dropped(out: Path) -> dict[str, tuple[str, str]]:
    return {row["id"]: (row["rule"], row["why"]) for row in read_jsonl(f"{out}.dropped.jsonl")}


# name -> turns, changes of the question, the rule that drops it, words of the reason
BAD: dict[str, tuple[list[str], dict, str, str]] = {
    "wrong": ([search(), ANSWER.replace("B", "C")], {}, "answer", "C is wrong"),
    "none": ([search(), ANSWER.replace("B<", "N/A<")], {}, "answer", "no answer (answer)"),
    "secret": ([search(), ANSWER], {"answer": None}, "answer", "not known"),
    "endless": ([search()] * 4, {}, "answer", "no answer (no_answer)"),
    "long": ([search(), search(level="week"), ANSWER], {}, "calls", "2 calls, not 1 to 1"),
    "blind": ([ANSWER], {}, "calls", "0 calls"),
    "garbled": (["hm", search(), ANSWER], {}, "unreadable", "turn 1 could not be read"),
    "refused": ([search(level="year"), ANSWER], {}, "unreadable", "turn 1: rag refused the call"),
    "says another": ([search("First rag. Now video_llm."), ANSWER], {}, "mismatch", "turn 1 speaks of video_llm"),
    "silent": ([search(""), ANSWER], {}, "thoughts", "turn 1 has no thought"),
    "null": ([search("None"), ANSWER], {}, "thoughts", "turn 1 has no thought"),
    "test": ([search(), ANSWER], {"split": "test"}, "benchmark", "it belongs to the test split"),
}


def chains(record: Callable, question: Callable) -> Path:
    good = (question("good"), [search(), ANSWER])
    bad = [(question(name, **changes), turns) for name, (turns, changes, _, _) in BAD.items()]
    return record(good, *bad, limits={"turns": 4})


def with_video(path: Path) -> Path:
    """As if there had been another tool."""
    rows = list(read_jsonl(path))
    for row in rows:
        row["settings"]["tools"].append("video_llm")
    write_jsonl(path, rows)
    return path


def test_every_rule_drops_its_own_and_says_why(record, question, tmp_path) -> None:
    source, out = with_video(chains(record, question)), tmp_path / "good.jsonl"
    output = run(source, "--out", out, "--max-calls", 1, "--datasets", tmp_path)
    assert [row["id"] for row in read_jsonl(out)] == ["good"]
    assert next(iter(read_jsonl(out))) == next(iter(read_jsonl(source))), "what is kept stays as it was"
    listed = dropped(out)
    assert {name: rule for name, (rule, _) in listed.items()} == {name: rule for name, (_, _, rule, _) in BAD.items()}
    assert all(words in listed[name][1] for name, (_, _, _, words) in BAD.items())
    assert "4 answer" in output and "2 calls" in output and "1 kept" in output and f"{len(BAD)} others" in output


@pytest.mark.parametrize("rule", ["answer", "calls", "unreadable", "mismatch", "thoughts", "benchmark"])
def test_a_rule_can_be_left_out(record, question, tmp_path, rule) -> None:
    source, out = with_video(chains(record, question)), tmp_path / "good.jsonl"
    run(source, "--out", out, "--max-calls", 1, "--skip", rule, "--datasets", tmp_path)
    freed = {name for name, (_, _, own, _) in BAD.items() if own == rule}
    others = {name for name, (why, _) in dropped(out).items() if name in freed}
    assert {row["id"] for row in read_jsonl(out)} == {"good"} | freed - others and freed - others
    assert rule not in {why for why, _ in dropped(out).values()}


def test_faults_of_tools(record, question, tmp_path) -> None:
    source = record((question("good"), [search(), ANSWER]), (question("down"), [search(), ANSWER]))
    rows = list(read_jsonl(source))
    rows[1]["trace"]["turns"][0]["status"] = "timeout"
    write_jsonl(source, rows)
    run(source, "--out", tmp_path / "good.jsonl", "--datasets", tmp_path)
    assert dropped(tmp_path / "good.jsonl") == {"down": ("faults", "rag failed")}


def test_the_same_id_and_the_same_words_count_once(record, question, tmp_path) -> None:
    first = record((question("a"), [search(), ANSWER]))
    again = record((question("a"), [search("Other words."), ANSWER]), name="again.jsonl")
    rows = list(read_jsonl(first))
    write_jsonl(tmp_path / "sample.jsonl", [rows[0] | {"id": "a#1", "sample": 1}])
    out = tmp_path / "good.jsonl"
    run(first, again, tmp_path / "sample.jsonl", "--out", out, "--datasets", tmp_path)
    reasons = [(row["file"], row["why"]) for row in read_jsonl(f"{out}.dropped.jsonl")]
    assert reasons == [(str(again), "an earlier chain has its id"), (f"{tmp_path}/sample.jsonl", "the same words as a")]


def test_benchmarks_are_kept_out_by_id_by_words_and_by_the_guards(record, question, tmp_path) -> None:
    source = record(*[(question(name), [search(), ANSWER]) for name in ("good", "by id", "by words", "guarded")])
    asked = [question("by id", question="Other?"), question("x", question="where is KETTLE by words")]
    write_jsonl(tmp_path / "bench.jsonl", map(eval_row, asked))
    guard = {"names": ["test/guarded"], "questions": [], "frames": {}, "looks": []}
    rows = list(read_jsonl(source))
    rows[3]["labels"]["question_id"] = "test/guarded"
    write_jsonl(source, rows)
    write_json(tmp_path / "datasets/a_test/guard.json", guard)
    out = tmp_path / "good.jsonl"
    run(source, "--out", out, "--without", tmp_path / "bench.jsonl", "--datasets", tmp_path / "datasets")
    listed = dropped(out)
    assert [row["id"] for row in read_jsonl(out)] == ["good"] and {rule for rule, _ in listed.values()} == {"benchmark"}
    assert "its id" in listed["by id"][1] and "asks the same" in listed["by words"][1]
    assert "test/guarded" in listed["guarded"][1]


def test_lucky_guesses(record, question, server, tmp_path) -> None:
    letters = {"easy": "BBB", "hard": "BCB", "never": "AAA"}
    source = record(*[(question(name), [search(), ANSWER]) for name in letters])
    for name, said in letters.items():
        server.queues[f"Where is kettle {name}?"] = [{"content": f"<answer>{letter}</answer>"} for letter in said]
    out = tmp_path / "good.jsonl"
    ask = ["--guess-server", server.url, "--guess-model", "teacher", "--guess-times", 3, "--datasets", tmp_path]
    run(source, "--out", out, *ask)
    assert dropped(out) == {"easy": ("guess", "the bare question was answered right every time")}
    assert len(server.requests) == 9 and sorted({one["seed"] for one in server.requests}) == [0, 1, 2]
    assert all("timestamp" not in json.dumps(one["messages"]) for one in server.requests)
    run(source, "--out", out, *ask)
    assert len(server.requests) == 9, "what was answered is not asked again"
    assert "another --guesses" in run(source, "--out", out, *ask[:3], "other", *ask[4:], code=1)


def test_bare_questions_that_got_no_answer_stop_the_filter(record, question, server, tmp_path) -> None:
    source, out = record((question("q1"), [search(), ANSWER])), tmp_path / "good.jsonl"
    server.faults["Where is kettle q1?"] = ["400"]
    server.queues["Where is kettle q1?"] = [{"content": "<answer>B</answer>"}] * 4
    ask = [source, "--out", out, "--guess-server", server.url, "--guess-model", "teacher", "--datasets", tmp_path]
    assert "1 of 4 bare questions have no answer" in run(*ask, code=1) and not out.exists()
    assert "no chain is left" in run(*ask, code=1)
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("settings", {}, "settings.dialect: Field required"),
        ("settings", {"dialect": "other", "tools": []}, "settings.dialect: Input should be"),
        ("trace", None, "trace: "),
        ("trace", {"turns": [{"text": 3}]}, "trace.turns.0.text: Input should be a valid string"),
        ("options", [], "options: Input should be a valid dictionary"),
    ],
)
def test_a_row_that_is_no_chain(record, question, tmp_path, key, value, why) -> None:
    source = record((question("q1"), [search(), ANSWER]))
    write_jsonl(source, [next(iter(read_jsonl(source))) | {key: value}])
    assert f"row 1: {why}" in run(source, "--out", tmp_path / "out.jsonl", code=1)


def test_a_turn_needs_no_more_than_its_first_parts(record, question, tmp_path) -> None:
    """Whoever wrote the chain: what is missing is what did not happen."""
    source = record((question("q1"), [search(), ANSWER]))
    [row] = read_jsonl(source)
    bare = [{key: turn[key] for key in ("text", "tokens", "action")} for turn in row["trace"]["turns"]]
    write_jsonl(source, [row | {"trace": {"turns": bare, "stop": "answer", "letter": "B"}}])
    run(source, "--out", tmp_path / "out.jsonl", "--datasets", tmp_path)
    assert [row["id"] for row in read_jsonl(tmp_path / "out.jsonl")] == ["q1"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["none.jsonl"], "none.jsonl: no such file"),
        (["bad.jsonl"], "bad.jsonl: row 1: settings: Field required; chains come from"),
        (["bad.jsonl", "--skip", "luck"], f"--skip luck: no such rule; rules: {', '.join(NAMES)}"),
        (["bad.jsonl", "--guess-server", "http://127.0.0.1:9"], "needs --guess-server and --guess-model"),
    ],
)
def test_wrong_inputs_end_in_words(tmp_path, monkeypatch, arguments, why) -> None:
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "bad.jsonl", [{"id": "x"}])
    assert why in run(*arguments, "--out", "out.jsonl", code=1)


def test_chains_are_never_overwritten(record, question, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = record((question("good"), [search(), ANSWER]), (question("wrong"), [ANSWER.replace("B", "C")]))
    (tmp_path / "link.jsonl").symlink_to(source)
    before = source.read_bytes()
    for out in (source, "chains.jsonl", "./x/../chains.jsonl", "link.jsonl"):
        assert "is one of the files that are read" in run("link.jsonl", "--out", out, code=1)
    assert source.read_bytes() == before and (tmp_path / "link.jsonl").is_symlink()


def test_when_nothing_is_left_nothing_is_written(record, question, tmp_path) -> None:
    source, out = record((question("wrong"), [search(), ANSWER.replace("B", "C")])), tmp_path / "good.jsonl"
    out.write_text("of an earlier run")
    output = run(source, "--out", out, "--datasets", tmp_path, code=1)
    assert "1 answer" in output and "no chain is left, and nothing was written" in output
    assert "the first: wrong: answer: C is wrong" in output
    assert out.read_text() == "of an earlier run" and not Path(f"{out}.dropped.jsonl").exists()
