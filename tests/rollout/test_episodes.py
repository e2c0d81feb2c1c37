"""Many questions for an agent: nothing is lost, asked twice, or mixed with another run."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firsthand.errors import UserError
from firsthand.evals.rows import Gold, Prediction, read_rows
from firsthand.evals.score import score
from firsthand.files import read_jsonl, write_jsonl
from firsthand.llm.price import Price
from firsthand.question import Question
from firsthand.rollout.agent import Limits, Reply
from firsthand.rollout.episodes import GIVE_UP, AgentSettings, Episode, Task, run_episodes
from firsthand.rollout.prompt import eval_row, messages
from firsthand.tools.protocol import Outcome
from firsthand.tools.terminate import TerminateArguments
from firsthand.tools.toolbox import Toolbox

SETTINGS = AgentSettings(model="script", dialect="ego_r1", limits=Limits(turns=4))
CALL = '<think>Look.</think> <tool>{"name": "clock", "arguments": {"answer": "x"}}</tool>'
RIGHT = "<think>So.</think> <answer>B</answer>"


class Clock:
    """Says whose week it is and when the question was asked; costs half a dollar."""

    name, description, arguments = "clock", "For tests.", TerminateArguments

    async def run(self, arguments, context):
        return Outcome("ok", f"{context.source} {context.query_time}", cost=0.5)


class Script:
    prompt_tokens, completion_tokens = 2_000_000, 1_000_000

    def __init__(self, *turns: str | Exception, pause: float = 0.0):
        self.turns, self.pause = iter(turns), pause

    async def generate(self):
        await asyncio.sleep(self.pause)
        turn = next(self.turns)
        if isinstance(turn, Exception):
            raise turn
        return Reply(turn, 5)

    async def append(self, message, images):
        return True


def task(id: str, sample: int = 0, **changes) -> Task:
    facts = {"identity": "A1_JAKE", "query_time": "DAY1_12000000", "label": "memory", "answer": "B"}
    facts |= {"options": {"A": "x", "B": "y"}} | changes
    question = Question(
        id=id, question="Which?", style="ego_r1", data_source="test", split="train",
        labels={"type": "EntityLog", "target_time": "DAY1_11000000-DAY1_11000000"}, **facts,
    )  # fmt: skip
    return Task(question, messages(question), sample)


def run(tasks, out, policy=lambda task: Script(CALL, RIGHT), settings=SETTINGS, **options):
    summary = asyncio.run(run_episodes(tasks, policy, Toolbox([Clock()]), settings, out, **options))
    return summary, {row["id"]: row for row in read_jsonl(out)}


def test_a_row_says_what_happened_and_what_it_took(tmp_path: Path) -> None:
    price = Price(prompt=1.0, completion=4.0)
    summary, rows = run([task("q"), task("q", 1)], tmp_path / "e.jsonl", price=price)
    assert (summary.asked, summary.correct, summary.known, summary.stops) == (2, 2, 2, {"answer": 2})
    assert rows.keys() == {"q", "q#1"} and summary.cost == 2 * (0.5 + 6.0)
    row = Episode.model_validate(rows["q#1"])
    assert (row.letter, row.correct, row.output, row.sample, row.cost) == ("B", True, RIGHT, 1, 6.5)
    assert (row.target_time, row.labels["type"], row.label) == ("DAY1_11000000-DAY1_11000000", "EntityLog", "memory")
    call = row.trace.turns[0]
    assert (call.tool, call.status, call.observation) == ("clock", "ok", "A1_JAKE 129600.0")
    assert row.settings["tools"] == ["clock"] and row.settings["limits"]["turns"] == 4
    assert not (tmp_path / "e.jsonl.errors.jsonl").exists()


def test_an_open_question_has_no_letter_and_is_not_wrong(tmp_path: Path) -> None:
    summary, rows = run([task("q", options={}, answer="a cup")], tmp_path / "e.jsonl")
    assert (rows["q"]["letter"], rows["q"]["correct"], rows["q"]["output"]) == (None, None, RIGHT)
    assert (summary.asked, summary.known) == (1, 0)


def test_episodes_are_predictions_that_can_be_scored(tmp_path: Path) -> None:
    _, rows = run([task("q"), task("r", answer="A"), task("s", answer=None)], tmp_path / "e.jsonl")
    assert [row["correct"] for row in rows.values()] == [True, False, None]
    questions = [task("q"), task("r", answer="A")]
    write_jsonl(tmp_path / "q.jsonl", [eval_row(one.question) for one in questions])
    scored = score("m", read_rows(tmp_path / "e.jsonl", Prediction), read_rows(tmp_path / "q.jsonl", Gold), by="label")
    assert (scored.n, scored.correct, scored.by["memory"].n) == (2, 1, 2)


@pytest.mark.parametrize(("price", "tokens", "cost"), [(None, True, None), (None, False, 0.5), (Price(), True, 0.5)])
def test_an_unknown_price_is_no_zero(tmp_path: Path, price, tokens, cost) -> None:
    policy = Script(CALL, RIGHT)
    if not tokens:
        policy.prompt_tokens = policy.completion_tokens = 0
    summary, _ = run([task("q")], tmp_path / "e.jsonl", lambda _: policy, price=price)
    assert summary.cost == cost


def test_faults_of_the_policy_are_listed_apart_and_asked_again(tmp_path: Path) -> None:
    out, asked = tmp_path / "e.jsonl", []

    def broken(task: Task) -> Script:
        asked.append(task.id)
        return (
            Script(CALL, ConnectionError("no server; Bearer sk-abcdefghijklmnopqrst"))
            if task.id == "b"
            else Script(RIGHT)
        )

    tasks = [task("a"), task("b"), task("c"), task("no week", identity=None), task("no time", query_time=None)]
    summary, rows = run(tasks, out, broken)
    assert rows.keys() == {"a", "c"} and summary.failed.keys() == {"b", "no week", "no time"}
    listed = {row["id"]: row["why"] for row in read_jsonl(f"{out}.errors.jsonl")}
    assert listed == summary.failed and "no server" in listed["b"] and "sk-abc" not in listed["b"]
    assert "no identity" in listed["no week"] and "no query_time" in listed["no time"]
    asked.clear()
    summary, rows = run(tasks[:3], out, lambda task: asked.append(task.id) or Script(RIGHT))
    assert asked == ["b"] and rows.keys() == {"a", "b", "c"}
    assert (summary.asked, summary.resumed, summary.correct, summary.failed) == (1, 2, 3, {})
    assert not Path(f"{out}.errors.jsonl").exists()


def test_what_the_tools_do_not_have_is_not_asked(tmp_path: Path, monkeypatch) -> None:
    """Each of its calls would fail, and the agent would be blamed for the answer."""
    monkeypatch.setattr(Clock, "lacks", lambda _, row: None if row.source == "A1_JAKE" else "never met", False)
    out = tmp_path / "e.jsonl"
    summary, rows = run([task("a"), task("b", identity="B2_NOBODY")], out)
    assert rows.keys() == {"a"} and summary.failed == {"b": "UserError: clock: never met"}
    with pytest.raises(UserError, match="no question can be asked; the first, b: clock: never met"):
        run([task("b", identity="B2_NOBODY"), task("c", identity="C3")], tmp_path / "none.jsonl")
    assert not (tmp_path / "none.jsonl").exists()


def test_a_server_that_is_gone_is_not_asked_for_ever(tmp_path: Path) -> None:
    asked = []

    def gone(task: Task) -> Script:
        asked.append(task.id)
        return Script(ConnectionError("no server"))

    summary, rows = run([task(str(number)) for number in range(40)], tmp_path / "e.jsonl", gone, concurrency=1)
    assert len(asked) == GIVE_UP and len(summary.failed) == 40 and not rows
    assert "not asked" in summary.failed["39"]


@pytest.mark.parametrize(
    ("tasks", "changes", "why"),
    [
        ([task("q")], {"sampling": {"temperature": 1.0}}, "was begun with"),
        ([task("q")], {"limits": Limits(turns=5)}, "was begun with"),
        ([task("r")], {}, "not among the questions"),
        ([task("q", query_time="DAY2_12000000")], {}, "has changed since"),
        ([task("q"), task("q")], {}, "two questions have the id"),
    ],
)
def test_another_run_into_the_same_file_is_refused(tmp_path: Path, tasks, changes, why) -> None:
    run([task("q")], tmp_path / "e.jsonl")
    with pytest.raises(UserError, match=why):
        run(tasks, tmp_path / "e.jsonl", settings=SETTINGS.model_copy(update=changes))


def test_no_more_than_so_many_at_once(tmp_path: Path) -> None:
    now = most = 0

    class Counting(Script):
        async def generate(self):
            nonlocal now, most
            now, most = now + 1, max(most, now + 1)
            await asyncio.sleep(0.01)
            now -= 1
            return Reply(RIGHT, 5)

    run([task(str(n)) for n in range(12)], tmp_path / "e.jsonl", lambda _: Counting(), concurrency=3)
    assert most == 3


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_episodes import RIGHT, Script, run, task
tasks = [task(str(n)) for n in range(40)]
hangs = {one.id for one in tasks[10:]}
run(tasks, Path(sys.argv[2]), lambda one: Script(RIGHT, pause=3600 * (one.id in hangs)), concurrency=2)
"""


def test_kill_9_loses_what_was_open_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "e.jsonl"
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(Path(__file__).parent), str(out)])
    while not out.exists() or out.read_bytes().count(b"\n") < 10:
        time.sleep(0.01)
        assert child.poll() is None
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    kept = out.read_bytes()
    with out.open("ab") as file:
        file.write(kept[:30])  # half a line, as a crash of the machine leaves it
    asked = []
    summary, rows = run([task(str(n)) for n in range(40)], out, lambda task: asked.append(task.id) or Script(RIGHT))
    assert summary.torn and out.read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    assert len(rows) == 40 and len(asked) == summary.asked == 40 - summary.resumed and summary.resumed == 10
