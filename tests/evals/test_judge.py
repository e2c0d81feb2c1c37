"""Judges: replies are read by the published protocols, failures are never scores, nothing is asked twice."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.evals.judge import protocols
from firsthand.files import read_json, read_jsonl


@pytest.mark.parametrize(
    ("judged", "reply", "verdict"),
    [
        (protocols.EGOTEXTVQA, "{'pred': 'yes', 'score': 4}", {"yes": 1.0, "score of 5": 0.8}),
        (protocols.EGOTEXTVQA, '```json\n{"pred": "No", "score": 0}\n```', {"yes": 0.0, "score of 5": 0.0}),
        (protocols.EGOTEXTVQA, "<think>{'pred': 'no'</think>{'pred': 'yes', 'score': 5}", {"yes": 1, "score of 5": 1}),
        (protocols.EGOTEXTVQA, "yes", None),
        (protocols.EGOTEXTVQA, "{'pred': 'yes', 'score': 7}", None),
        (protocols.EGOTHINK, "Both name a cup. Rating: [[0.5]]", {"mark": 0.5}),
        (protocols.EGOTHINK, "not [[1]] but [[0]]", {"mark": 0.0}),
        (protocols.EGOTHINK, "[1]", {"mark": 1.0}),
        (protocols.EGOTHINK, "[[3]]", None),
        (protocols.EGOTHINK, "it is right", None),
        (protocols.EGOTHINK, "<think>perhaps [[1]], or", None),
        (protocols.EGOCROSS, '{"mark": 4, "reason": "near"}', {"mark of 4 or 5": 1.0, "mark of 5": 0.8}),
        (protocols.EGOCROSS, '{"mark": 3}', {"mark of 4 or 5": 0.0, "mark of 5": 0.6}),
        (protocols.EGOCONV, "0.75", {"mark": 1.0}),
        (protocols.EGOCONV, "Score: 0.3", {"mark": 0.5}),
        (protocols.EGOCONV, ".2", {"mark": 0.0}),
        (protocols.EGOCONV, "none", None),
        (protocols.JUDGE, "Partly.", {"mark": 0.5}),
        (protocols.JUDGE, "correct, I think", None),
    ],
)  # fmt: skip
def test_replies_are_read_or_are_no_verdict(judged, reply: str, verdict: dict[str, float] | None) -> None:
    assert judged.protocol.read(reply) == (pytest.approx(verdict) if verdict else None)


def test_words_alone_decide_where_nobody_doubts() -> None:
    assert protocols.EGOTHINK.protocol.by_rule("a cup", "A cup.") == {"mark": 1.0}
    assert protocols.EGOTHINK.protocol.by_rule("a cup", "it is a cup") is None
    assert protocols.EGOCROSS.protocol.by_rule("a cup", "it is a cup")["mark of 4 or 5"] == 1.0
    assert protocols.EGOTHINK.protocol.by_rule("a cup", "") == {"mark": 0.0}


MARKS = {"one mug": "so [[1]]", "one fork": "so [[0]]", "one odd thing": "I cannot say"}


@pytest.fixture
def judge(chat_server) -> Any:
    lock = threading.Lock()

    def answer(chat: Any, body: dict[str, Any]) -> None:
        asked = json.loads(body["messages"][-1]["content"])
        with lock:
            server.asked.append(asked["answer to grade"])
        chat.complete(server.marks[asked["answer to grade"]])

    server = chat_server(answer, asked=[], marks=dict(MARKS))
    return server


def ask(*words: Any) -> Any:
    return CliRunner(env={"COLUMNS": "300"}).invoke(app, ["eval", "judge", *map(str, words)])


def scores(open_run: Path) -> dict[str, Any]:
    return read_json(open_run / "results.json")["runs"][0]


def test_a_judge_that_fails_gives_no_score(open_run: Path, judge) -> None:
    done = ask(open_run, "--server", judge.url, "--retries", 0)
    assert done.exit_code == 1 and "failed q4 (answer)" in done.output
    assert sorted(judge.asked) == ["one fork", "one mug", "one odd thing"], "equal words and silence need no judge"
    found = scores(open_run)
    mark = found["scores"]["answer: mark by tiny"]
    # q1 by its words, q2 by the judge; q3 is wrong, q5 says nothing, q6 was never answered; q4 is in no score
    assert (mark["n"], mark["correct"], mark["unparsed"], mark["missing"]) == (5, 2, 1, 1)
    [facts] = found["judges"]
    assert (facts["judge"], facts["judged"], facts["by_rule"], facts["without"]) == ("tiny", 4, 2, 1)
    assert "1 answers have no verdict of tiny" in done.output and "q4" not in str(mark)


def test_only_what_has_no_verdict_is_asked_again(open_run: Path, judge) -> None:
    ask(open_run, "--server", judge.url, "--retries", 0)
    judge.asked.clear()
    judge.marks["one odd thing"] = "[[0.5]]"
    assert ask(open_run, "--server", judge.url).exit_code == 0
    assert judge.asked == ["one odd thing"]
    mark = scores(open_run)["scores"]["answer: mark by tiny"]
    assert (mark["n"], mark["correct"]) == (6, 2.5)


def test_verdicts_are_kept_for_other_runs(open_run: Path, judge) -> None:
    judge.marks["one odd thing"] = "[[1]]"
    ask(open_run, "--server", judge.url)
    judge.asked.clear()
    (open_run / "verdicts/tiny.jsonl").unlink()
    assert ask(open_run, "--server", judge.url).exit_code == 0
    assert not judge.asked
    assert {row["by"] for row in read_jsonl(open_run / "verdicts/tiny.jsonl")} == {"rule", "cache"}


def test_rules_alone_and_how_far_a_second_judge_agrees(open_run: Path, judge) -> None:
    judge.marks["one odd thing"] = "[[1]]"
    ask(open_run, "--server", judge.url)
    done = ask(open_run, "--rules")
    assert done.exit_code == 0
    found = scores(open_run)
    assert found["scores"]["answer: mark by rules"]["correct"] == 1
    agreement = next(one["agreement"] for one in found["judges"] if one["agreement"])
    # five answers: both say right to q1, wrong to q3 and q5; the model says right to q2 and q4, where rules cannot tell
    assert (agreement["n"], agreement["same"]) == (5, 0.6)
    assert agreement["kappa"] == pytest.approx((0.6 - (3 * 1 + 2 * 4) / 25) / (1 - (3 * 1 + 2 * 4) / 25))
    assert "agrees with the first judge on 60.0 % of 5 answers" in done.output


def test_a_sample_is_always_the_same_and_scores_itself_alone(open_run: Path, judge) -> None:
    judge.marks["one odd thing"] = "[[1]]"
    assert ask(open_run, "--server", judge.url, "--sample", 3).exit_code == 0
    rows = list(read_jsonl(open_run / "verdicts/tiny.jsonl"))
    assert 2 <= len(rows) <= 3
    assert scores(open_run)["scores"]["answer: mark by tiny"]["n"] == len(rows)


@pytest.mark.parametrize(
    ("words", "message"),
    [([], "say --rules, or which judge"), (["--rules", "--model", "x"], "say --rules, or which judge")],
)
def test_hopeless_commands(open_run: Path, words: list[str], message: str) -> None:
    done = ask(open_run, *words)
    assert done.exit_code == 1 and message in " ".join(done.output.split())


def test_a_run_without_a_judge_has_no_score_by_one(open_run: Path) -> None:
    done = CliRunner().invoke(app, ["eval", "table", str(open_run), "--out", str(open_run / "results")])
    assert done.exit_code == 0, done.output
    assert list(scores(open_run)["scores"]) == ["answer: exact"]


def test_a_killed_judge_goes_on_and_its_half_line_hides_nothing(open_run: Path, judge) -> None:
    judge.marks["one odd thing"] = "[[1]]"
    ask(open_run, "--server", judge.url, "--cache", open_run / "cache.sqlite")
    whole = (open_run / "verdicts/tiny.jsonl").read_bytes()
    (open_run / "verdicts/tiny.jsonl").write_bytes(whole[:-9])
    (open_run / "cache.sqlite").unlink()
    table = CliRunner().invoke(app, ["eval", "table", str(open_run), "--out", str(open_run / "results")])
    assert table.exit_code == 0 and scores(open_run)["judges"][0]["judged"] == 4
    judge.asked.clear()
    assert ask(open_run, "--server", judge.url, "--cache", open_run / "cache.sqlite").exit_code == 0
    assert len(judge.asked) <= 1 and scores(open_run)["judges"][0]["judged"] == 5
