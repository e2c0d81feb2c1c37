"""Teachers that answer, fail and misbehave: every chain is written once, and none is invented."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from firsthand.chains.config import Config, Scripted
from firsthand.cli import app
from firsthand.files import read_jsonl
from firsthand.rollout.loop_file import read_loop
from firsthand.rollout.prompt import messages
from firsthand.tools.catalogue import read
from firsthand.tools.settings import read_as

SEARCH = {"level": "day", "keywords": ["kettle"], "start_time": "DAY1_11000000", "query_time": "DAY1_12000000"}


def call(name: str, arguments: Any, thought: str | None = "I search.") -> dict:
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    called = {"id": "c", "type": "function", "function": {"name": name, "arguments": written}}
    return {"content": thought, "tool_calls": [called]}


def terminate(answer: str) -> dict:
    return call("terminate", {"answer": answer})


def generate(config: Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["cott", "generate", str(config)])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def chains(config: Path) -> dict[str, dict]:
    return {row["id"]: row for row in read_jsonl(config.with_name("chains.jsonl"))}


def test_a_teacher_behind_a_server(configure, server, monkeypatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", "sk-secret-of-the-teacher")
    price = {"prompt": 10.0, "completion": 30.0}
    config = configure(teacher={"key_env": "TEACHER_KEY", "price": price, "sampling": {"seed": 7}})
    output = generate(config)
    assert "2 chains now, 0 before; 2 of 2 right" in output and "0.01 US dollars" in output
    row = chains(config)["q1"]
    search, answer = row["trace"]["turns"]
    assert (search["tool"], search["arguments"], search["status"]) == ("rag", SEARCH, "ok")
    assert "on the shelf" in search["observation"] and search["spans"]
    assert answer["text"] == "<think>So that is it.</think>\n<answer>B</answer>"
    assert (row["letter"], row["correct"], row["prompt_tokens"], row["completion_tokens"]) == ("B", True, 200, 20)
    assert row["cost"] == pytest.approx((200 * 10 + 20 * 30) / 1e6)
    assert row["settings"]["tools"] == ["rag", "terminate"] and row["settings"]["functions"]
    assert server.keys == {"Bearer sk-secret-of-the-teacher"}
    assert "sk-secret" not in config.with_name("chains.jsonl").read_text()

    first, second = [one for one in server.requests if "q1" in str(one["messages"][1])]
    assert (first["seed"], first["temperature"], first["max_tokens"]) == (7, 1.0, 1024)
    system, asked = first["messages"]
    assert "A1_JAKE" in system["content"] and "at most 19" in system["content"]
    assert "<timestamp>DAY1_12000000</timestamp>\nA. in the sink\nB." in asked["content"]
    described = {tool["function"]["name"]: tool["function"]["description"] for tool in first["tools"]}
    assert "about 6 of 10 steps. Cost 1 of 5" in described["rag"] and "as the last step" in described["terminate"]
    assert second["messages"][-1]["role"] == "tool" and second["messages"][-1]["tool_call_id"] == "c"


def test_what_is_null_is_not_sent(configure, server, question) -> None:
    sampling = {"temperature": None, "top_p": None, "max_tokens": None, "max_completion_tokens": 500}
    generate(configure(question("q1"), teacher={"sampling": sampling}))
    assert server.requests[0].keys() == {"model", "messages", "tools", "seed", "max_completion_tokens"}


def test_a_teacher_in_the_dialect_of_our_agents_reads_what_they_read(configure, server, question) -> None:
    turn = '<think>Look.</think> <tool>{"name": "rag", "arguments": {"level": "day"}}</tool>'
    server.turns["Where is kettle q1?"] = [{"content": turn}, {"content": "<think>x</think> <answer>B</answer>"}]
    config = configure(question("q1"), teacher={"functions": False})
    generate(config)
    assert chains(config)["q1"]["correct"] and chains(config)["q1"]["settings"]["dialect"] == "ego_r1"
    assert server.requests[0]["messages"] == messages(question("q1")) and "tools" not in server.requests[0]


def test_samples_of_a_question_have_seeds_of_their_own(configure, server, question) -> None:
    config = configure(question("q1"), samples=3, concurrency=1)
    generate(config)
    assert list(chains(config)) == ["q1", "q1#1", "q1#2"]
    assert [one["seed"] for one in server.requests] == [0, 0, 1, 1, 2, 2]


EXPERT = """
from firsthand.rollout.agent import Reply

class Expert:
    def __init__(self, task):
        question = task.question
        self.turns = iter([
            '<think>Look.</think> <tool>{"name": "rag", "arguments": {"level": "day", "keywords": ["kettle"], '
            '"start_time": "DAY1_00000000", "query_time": "%s"}}</tool>' % question.query_time,
            f"<think>Found.</think> <answer>{question.answer}</answer>",
        ])
    async def generate(self):
        return Reply(next(self.turns), 0)
    async def append(self, message, images):
        return True

def nothing(task):
    raise KeyError(task.id)

number = 3
"""


def test_a_scripted_teacher(configure, tmp_path, server) -> None:
    (tmp_path / "expert.py").write_text(EXPERT)
    config = configure(teacher={"kind": "scripted", "factory": f"{tmp_path}/expert.py:Expert"})
    assert "2 of 2 right" in generate(config) and not server.requests
    row = chains(config)["q2"]
    assert (row["cost"], row["trace"]["turns"][0]["status"]) == (0.0, "ok")
    config = configure(
        teacher={"kind": "scripted", "factory": f"{tmp_path}/expert.py:nothing"}, out=f"{tmp_path}/o.jsonl"
    )
    assert "2 questions have no chain" in generate(config, 1)


@pytest.mark.parametrize(
    "name", ["expert.py:Nobody", "expert.py:number", "none.py:Expert", "no.such:thing", "expert", ""]
)
def test_a_scripted_teacher_that_is_not_there(configure, tmp_path, monkeypatch, name) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "expert.py").write_text(EXPERT)
    config = configure(teacher={"kind": "scripted", "factory": name})
    assert "teacher.factory" in generate(config, 1)


def test_passing_faults_are_tried_again_and_lasting_ones_listed(configure, server, question) -> None:
    first, second, third = (f"Where is kettle q{number}?" for number in (1, 2, 3))
    server.faults[first] = ["429", "500"]
    server.faults[second] = ["400"]
    server.faults[third] = ["500"] * 4
    config = configure(*map(question, ("q1", "q2", "q3")), teacher={"retries": 3})
    assert "2 questions have no chain" in generate(config, 1)
    assert chains(config).keys() == {"q1"} and server.asked == {first: 4, second: 1, third: 4}
    listed = {row["id"]: row["why"] for row in read_jsonl(f"{config.with_name('chains.jsonl')}.errors.jsonl")}
    assert "told to 400" in listed["q2"] and "told to 500" in listed["q3"]
    assert "2 chains now, 1 before; 3 of 3 right" in generate(config)
    assert not config.with_name("chains.jsonl.errors.jsonl").exists()


@pytest.mark.parametrize("fault", ["slow", "not json", "no choices", "401"])
def test_other_faults_of_a_server_end_in_words(configure, server, fault) -> None:
    server.faults["Where is kettle q1?"] = [fault]
    config = configure(teacher={"retries": 0, "timeout": 0.5})
    assert "1 questions have no chain" in generate(config, 1)
    assert chains(config).keys() == {"q2"}


HOSTILE = {
    "arguments that are no JSON": ([call("rag", '{"level": '), terminate("B")], "answer", "invalid"),
    "arguments that are a list": ([call("rag", "[1]"), terminate("B")], "answer", "invalid"),
    "wrong arguments": ([call("rag", {"level": "year"}), terminate("B")], "answer", "call"),
    "no such tool": ([call("shell", {"cmd": "ls"}), terminate("B")], "answer", "call"),
    "half a character": ([call("rag", '{"level": "\\ud800"}'), terminate("B")], "answer", "invalid"),
    "a tool named half a character": ([call("\ud800", SEARCH), terminate("B")], "answer", "call"),
    "an answer of half a character": ([terminate("\ud800"), terminate("B")], "answer", "invalid"),
    "words of half a character": ([{"content": "\ud800"}, terminate("B")], "answer", "invalid"),
    "words without a call": ([{"content": "I think it is B."}, terminate("B")], "answer", "invalid"),
    "nothing at all": ([{"content": None}, terminate("B")], "answer", "invalid"),
    "the environment's words": (
        [call("rag", SEARCH, "<information>B is right</information>"), terminate("B")], "answer", "invalid"
    ),
    "an answer that is no option": ([call("rag", SEARCH), terminate("N/A")], "answer", "call"),
    "mistakes without end": ([{"content": "hm"}] * 3, "invalid", "invalid"),
    "no end": ([call("rag", SEARCH)] * 5, "no_answer", "call"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_turns_end_in_a_chain_that_says_so(configure, server, name, question) -> None:
    turns, stop, action = HOSTILE[name]
    server.turns["Where is kettle q1?"] = turns
    config = configure(question("q1"), limits={"turns": 5})
    generate(config)
    row = chains(config)["q1"]
    assert (row["trace"]["stop"], row["trace"]["turns"][0]["action"]) == (stop, action)
    assert row["correct"] == (stop == "answer" and "no option" not in name)


@pytest.mark.parametrize(
    "said",
    [
        {"content": "<think>\nSo I search.\n</think>"},
        {"content": None, "reasoning_content": "So I search."},
        {"content": "", "reasoning": "So I search."},
        {"content": "So I search.", "reasoning": "No."},
    ],
)
def test_the_thoughts_of_models_that_reason(configure, server, question, said) -> None:
    server.turns["Where is kettle q1?"] = [call("rag", SEARCH) | said, terminate("B")]
    config = configure(question("q1"))
    generate(config)
    assert chains(config)["q1"]["trace"]["turns"][0]["text"].startswith("<think>So I search.</think>\n<tool_call>")


def test_of_two_calls_at_once_the_first_is_made(configure, server, question) -> None:
    both = call("rag", SEARCH)
    both["tool_calls"] += terminate("C")["tool_calls"]
    server.turns["Where is kettle q1?"] = [both, terminate("B")]
    config = configure(question("q1"))
    generate(config)
    assert [turn["tool"] for turn in chains(config)["q1"]["trace"]["turns"]] == ["rag", None]
    assert len(server.requests[1]["messages"][2]["tool_calls"]) == 1, "the API wants an answer to each call"


def test_the_future_stays_closed_to_a_teacher(configure, server, question) -> None:
    later = SEARCH | {"query_time": "DAY7_12000000"}
    server.turns["Where is kettle q1?"] = [call("rag", later), terminate("B")]
    config = configure(question("q1", query_time="DAY1_11050000"))
    generate(config)
    [search, _] = chains(config)["q1"]["trace"]["turns"]
    assert search["status"] == "blocked_by_time" or "Alice" not in search["observation"]


def test_kill_9_in_mid_run(configure, server, hold, question) -> None:
    held = hold(10)
    server.pause = held.passed
    ids = [f"q{number}" for number in range(30)]
    config = configure(*map(question, ids), concurrency=2)
    command = [sys.executable, "-m", "firsthand.cli", "cott", "generate", str(config)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    held.wait(2, child)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    before = set(chains(config))
    assert 4 <= len(before) <= 5, "two requests each"
    server.asked.clear()
    held.release()
    assert f"{30 - len(before)} chains now, {len(before)} before" in generate(config)
    assert set(chains(config)) == set(ids)
    assert not before & {text.split()[-1].strip("?") for text in server.asked}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"teachers": {}}, "teachers: unknown key; did you mean 'teacher'?"),
        ({"samples": 0}, "samples: Input should be greater than or equal to 1"),
        ({"use": ["rag", "video"]}, "has no tool video"),
        ({"use": ["rag"]}, "has no tool terminate"),
        ({"questions": "none.jsonl"}, "none.jsonl: no such file"),
        ({"tools": "none.yaml"}, "none.yaml: no such file"),
        ({"teacher": {"kind": "openai", "model": "x"}}, "teacher.server: Field required"),
        ({"teacher": {"kind": "oracle"}}, "teacher: Input tag 'oracle'"),
    ],
)
def test_a_wrong_config_names_file_key_and_fix(configure, changes, why) -> None:
    assert why in generate(configure(**changes) if "teacher" not in changes else rewritten(configure(), changes), 1)


def rewritten(config: Path, changes: dict) -> Path:
    import yaml

    config.write_text(yaml.safe_dump(yaml.safe_load(config.read_text()) | changes))
    return config


@pytest.mark.parametrize(
    ("teacher", "why"),
    [
        ({"api_key": "sk-123"}, "keys are read from the environment only"),
        ({"key_env": "NOT_SET_ANYWHERE"}, "NOT_SET_ANYWHERE is not set"),
        ({"model": "other"}, "serves teacher, not other"),
        ({"server": "http://127.0.0.1:9/v1", "retries": 0}, "no server answers"),
    ],
)
def test_a_teacher_that_cannot_be_asked(configure, teacher, why) -> None:
    assert why in generate(configure(teacher=teacher), 1)


def test_questions_that_show_frames_are_refused(configure, question) -> None:
    assert "q1 shows frames" in generate(configure(question("q1", images=["a.jpg"])), 1)


def test_what_tools_say_is_cut_as_the_students_will_be(configure, server, question) -> None:
    server.turns["Where is kettle q1?"] = [call("rag", SEARCH), terminate("B")]
    config = configure(question("q1"), budget={"tokens": 8})
    generate(config)
    row = chains(config)["q1"]
    assert "tokens cut]" in row["trace"]["turns"][0]["observation"] and row["settings"]["budget"]["tokens"] == 8
    assert "was begun with" in generate(rewritten(config, {"budget": {"tokens": 9}}), 1)
    assert "budget.token: Unexpected keyword" in generate(rewritten(config, {"budget": {"token": 9}}), 1)


RECIPES = sorted((Path(__file__).parents[2] / "recipes").rglob("teach.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.parent.name)
def test_the_recipes_are_whole(path, monkeypatch) -> None:
    monkeypatch.chdir(path.parents[2])
    config = read_as(Config, path)
    there = {name for name, tool in read(config.tools).tools if tool}
    assert set(config.use or there) <= there
    assert isinstance(config.teacher, Scripted) or "terminate" in (config.use or there)
    loop = "toy/loop.yaml" if isinstance(config.teacher, Scripted) else "ego_r1/loops/egolife.yaml"
    assert config.budget == read_loop(Path("recipes") / loop, "ego_r1").budget
