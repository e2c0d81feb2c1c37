"""`firsthand chat` over a server that streams: what is asked, what is shown, what is kept."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.text import Text
from typer.testing import CliRunner

from firsthand.chat.screen import blocks
from firsthand.chat.session import split_options
from firsthand.cli import app
from firsthand.rollout import prompt

LOOK = '<think>I look.</think> <tool>{"name": "frames", "arguments": {"range": "DAY1_11000000-DAY1_11000400"}}</tool>'
LATE = LOOK.replace("11000400", "11000900")
TIME = "DAY1_11000800"


def answer(words: str) -> str:
    return f"<think>I saw it.</think> <answer>{words}</answer>"


@pytest.fixture
def chat(tools: Path, tmp_path: Path):
    def run(server: Any, *lines: str, options: tuple[str, ...] = ("--source", "A1_JAKE", "--query-time", TIME)) -> Any:
        arguments = ["--agent", "agent", "--server", server.url]
        arguments += [] if "--loop" in options else ["--tools", str(tools)]
        arguments += ["--frames", str(tmp_path / "frames"), *options]
        return CliRunner().invoke(app, ["chat", *arguments], input="".join(f"{line}\n" for line in lines))

    return run


def test_a_question_its_call_its_frames_and_its_answer(chat, script, tmp_path: Path) -> None:
    server = script(LOOK, answer("It is red."))
    shown = chat(server, "Which colour is it?")
    assert shown.exit_code == 0, shown.output
    assert "<think>I look.</think>" in shown.output and "It is red.  (2 turns, 1 calls, 14 tokens" in shown.output
    assert '→ frames {"range": "DAY1_11000000-DAY1_11000400"}' in shown.output
    assert "← ok in " in shown.output and ", 5 frames" in shown.output
    saved = sorted((tmp_path / "frames/A1_JAKE").iterdir())
    assert [path.name[:13] for path in saved] == [f"DAY1_11000{second}00" for second in range(5)]
    assert all(str(path) in shown.output for path in saved)
    assert np.asarray(Image.open(saved[3]))[5, 5, 1] == pytest.approx(75, abs=4)
    first, second = (request["messages"] for request in server.requests)
    assert first[0] == {"role": "system", "content": prompt.system("ego_r1")}
    asked = f"Which colour is it? <timestamp>{TIME}</timestamp>"
    assert first[1]["content"] == f"{asked}\nAnswer in your own words, in one or two sentences."
    assert second[: len(first)] == first and second[len(first)] == {"role": "assistant", "content": LOOK}
    assert [part["type"] for part in second[-1]["content"]] == ["image_url"] * 5 + ["text"]
    assert server.requests[0]["stop"] == ["</tool>", "</answer>"] and server.requests[0]["stream"]


def test_within_the_limits_of_the_training(chat, script, tools: Path, tmp_path: Path) -> None:
    loop = tmp_path / "agent.yaml"
    limits = "dialect: ego_r1, turns: 2, turn_tokens: 96, budget: {images: 1}"
    loop.write_text(f"- {{name: ego_r1, toolbox: {tools}, {limits}}}\n")
    server = script(LOOK, LOOK)
    shown = chat(server, "colour?", options=("--loop", str(loop), "--source", "A1_JAKE", "--query-time", TIME))
    assert shown.exit_code == 0, shown.output
    assert [request["max_tokens"] for request in server.requests] == [96, 96]
    assert [part["type"] for part in server.requests[1]["messages"][-1]["content"]] == ["image_url", "text"]
    assert "all turns are used up (2 turns" in shown.output


def test_a_loop_without_tools_is_said_in_words(chat, script, tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text("- {name: ego_r1, dialect: ego_r1}\n")
    shown = chat(script(), options=("--loop", str(tmp_path / "agent.yaml")))
    assert shown.exit_code == 1 and "names no toolbox" in shown.output


def test_options_are_asked_as_in_training(chat, script) -> None:
    server = script(answer("B"))
    shown = chat(server, "Where is it? A. in the box B. on the table")
    said = server.requests[0]["messages"][1]["content"]
    assert said == f"Where is it? <timestamp>{TIME}</timestamp>\nA. in the box\nB. on the table"
    assert "B  (1 turns" in shown.output


@pytest.mark.parametrize("text, options", [
    ("Where? A. here B. there C. a b", {"A": "here", "B": "there", "C": "a b"}),
    ("Where? A) here B) there", {"A": "here", "B": "there"}),
    ("Is vitamin A. good", {}), ("Where? B. here A. there", {}), ("A. here B. there", {}), ("Where? A.B. there", {}),
])  # fmt: skip
def test_what_is_an_option(text: str, options: dict[str, str]) -> None:
    words, found = split_options(text)
    assert found == options and words == ("Where?" if options else text)


def test_the_conversation_goes_on_until_it_begins_anew(chat, script) -> None:
    server = script(*map(answer, "abcd"))
    shown = chat(server, "one", "two", "/new", "three", "/time DAY1_11000200", "four", "/history")
    assert [len(request["messages"]) for request in server.requests] == [2, 4, 2, 2]
    assert "DAY1_11000200</timestamp>" in server.requests[3]["messages"][1]["content"]
    assert "A1_JAKE@DAY1_11000200> " in shown.output
    assert [line for line in shown.output.splitlines() if " → " in line][-1] == "four → d"


def test_the_native_dialect_describes_its_tools_to_the_template(chat, script) -> None:
    server = script(LOOK.replace("tool>", "tool_call>"), answer("red"))
    shown = chat(server, "colour?", options=("--source", "A1_JAKE", "--query-time", "end", "--style", "ego_r1_native"))
    assert "← ok" in shown.output and "stop" not in server.requests[0]
    assert [tool["function"]["name"] for tool in server.requests[0]["tools"]] == ["frames", "terminate"]
    assert server.requests[1]["messages"][-1]["role"] == "tool"
    assert "<timestamp>" not in json.dumps(server.requests[0]["messages"][1])


def function(words: str, name: str, spoken: str = "content", **arguments: Any) -> list[dict[str, Any]]:
    """What an API streams of a call: the words before it, its name, its arguments bit by bit; and one more call."""
    text = json.dumps(arguments)
    parts = [{"name": name, "arguments": ""}, *({"arguments": text[at : at + 5]} for at in range(0, len(text), 5))]
    first = [{"tool_calls": [{"index": 0, "type": "function", "function": part}]} for part in parts]
    first[0]["tool_calls"][0]["id"] = "call-1"  # type: ignore[index]
    other = {"index": 1, "id": "call-2", "type": "function", "function": {"name": "terminate", "arguments": "{}"}}
    return [{"role": "assistant", spoken: words[:3]}, {spoken: words[3:]}, *first, {"tool_calls": [other]}]


FUNCTIONS = ("--source", "A1_JAKE", "--query-time", TIME, "--functions")


@pytest.mark.parametrize("spoken", ["content", "reasoning_content"])
def test_functions_of_the_api_are_shown_as_calls_in_words(chat, script, spoken: str) -> None:
    span = "DAY1_11000000-DAY1_11000400"
    look = function("I look.", "frames", spoken, range=span)
    said = function("I saw it.", "terminate", answer="It is red.")
    server = script(look, said, function("", "terminate", answer="b"))
    shown = chat(server, "colour?", "and now?", options=FUNCTIONS)
    assert shown.exit_code == 0, shown.output
    call = '<tool_call>\n{"name": "frames", "arguments": {"range": "' + span + '"}}\n</tool_call>\n'
    assert f"I look.{'' if spoken == 'content' else '</think>'}\n{call}→ frames" in shown.output
    assert shown.output.count("I look.") == 1 and "← ok in " in shown.output
    assert "I saw it.\n<answer>It is red.</answer>\nIt is red.  (2 turns, 1 calls" in shown.output
    first, second, third = server.requests
    assert [tool["function"]["name"] for tool in first["tools"]] == ["frames", "terminate"]
    assert "tool_choice" not in first and first["messages"][0]["content"] == prompt.system("ego_r1_native")
    [called] = second["messages"][2]["tool_calls"]
    assert (called["id"], called["function"]["name"]) == ("call-1", "frames")
    assert json.loads(called["function"]["arguments"]) == {"range": span}
    assert second["messages"][3]["role"] == "tool" and second["messages"][3]["tool_call_id"] == "call-1"
    roles = [message["role"] for message in third["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "user", "assistant", "tool", "user"], "no call is left open"


def test_a_model_of_functions_needs_one_to_answer_with(chat, script, tools: Path) -> None:
    tools.write_text(tools.read_text().replace(", terminate: ", ""))
    shown = chat(script(), options=FUNCTIONS)
    assert shown.exit_code == 1 and "add `terminate:`" in shown.output


def test_the_future_stays_unseen_and_unreadable_turns_are_corrected(chat, script) -> None:
    server = script(LATE, "hm", answer("red"))
    shown = chat(server, "colour?")
    assert "← blocked_by_time" in shown.output and "has not happened yet" in shown.output
    assert "no action could be read" in shown.output and "red  (3 turns" in shown.output


@pytest.mark.parametrize("turns, most, why", [
    (["hm"] * 3, 9, "too many turns in a row could not be read"), ([LOOK, LOOK], 2, "all turns are used up"),
])  # fmt: skip
def test_no_answer_says_why(chat, script, turns: list[str], most: int, why: str) -> None:
    options = ("--source", "A1_JAKE", "--query-time", TIME, "--turns", str(most))
    assert f"no answer: {why}" in chat(script(*turns), "colour?", options=options).output


def test_a_failure_of_the_server_ends_no_conversation(chat, script) -> None:
    server = script(answer("a"), "400", answer("c"))
    shown = chat(server, "one", "two", "three")
    assert "the server failed" in shown.output and "c  (1 turns" in shown.output
    assert [len(request["messages"]) for request in server.requests] == [2, 4, 4], "`two` is forgotten"


HOSTILE = [
    b"data: {\n\n", b'data: {"choices": null}\n\n', b'data: "text"\n\n', b"data: [1]\n\n", b"data: \xff\xfe\n\n", b"",
    b'data: {"choices": [{}]}\n\n', b'data: {"choices": [{"index": 0, "delta": {"content": 7}}]}\n\n',
    b'data: {"error": {"message": "refused a-key-of-the-server"}}\n\n', b"data: " + b"[" * 100_000 + b"\n\n",
    b'data: {"choices": [{"index": 0, "delta": {"content": "half \\ud800"}}]}\n\ndata: {"choices": null}\n\n',
]  # fmt: skip


def test_whatever_a_server_sends_the_conversation_goes_on(chat, script, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "a-key-of-the-server")
    server = script(answer("a"), *(turn for turn in HOSTILE), answer("c"))
    asked = [f"number {number}" for number in range(len(HOSTILE))]
    options = ("--source", "A1_JAKE", "--query-time", TIME, "--turns", "1")
    shown = chat(server, "one", *asked, "three", "/save \0", f"/save {tmp_path}/chat.json", options=options)
    assert shown.exit_code == 0 and "Traceback" not in shown.output, shown.output
    assert "c  (1 turns" in shown.output and "a-key" not in shown.output and "that failed" in shown.output
    exchanges = json.loads((tmp_path / "chat.json").read_text())["exchanges"]
    assert [exchange["answer"] for exchange in exchanges if exchange["answer"]] == ["a", "c"]


def test_a_line_that_is_no_text_is_asked_all_the_same(tools: Path, script, tmp_path: Path) -> None:
    server = script(answer("b"))
    command = ["chat", "--agent", "agent", "--server", server.url, "--tools", str(tools), "--frames", str(tmp_path)]
    command += ["--source", "A1_JAKE", "--query-time", TIME]
    shown = CliRunner().invoke(app, command, input=b"caf\xe9?\n")
    assert shown.exit_code == 0 and "b  (1 turns" in shown.output
    assert server.requests[0]["messages"][1]["content"].startswith("caf\ufffd?")


def test_what_is_saved(chat, script, tmp_path: Path) -> None:
    shown = chat(script(LOOK, answer("red")), "colour?", f"/save {tmp_path}/chat.json")
    saved = json.loads((tmp_path / "chat.json").read_text())
    [exchange] = saved["exchanges"]
    assert (saved["model"], exchange["question"], exchange["answer"]) == ("agent", "colour?", "red")
    assert exchange["trace"]["turns"][0]["tool"] == "frames" and "1 questions -> " in shown.output


@pytest.mark.parametrize("line, said", [
    ("/nothing", "see /help"), ("/source", "write /source"), ("/time", "write /time"), ("/time noon", "is not a time"),
    ("/save", "write /save"), ("/help", "Ctrl-C stops"), ("/tools", "frames: "),
])  # fmt: skip
def test_words_of_the_shell(chat, script, line: str, said: str) -> None:
    shown = chat(script(), line)
    assert said in shown.output and shown.exit_code == 0


def test_who_and_when_must_be_said(chat, script) -> None:
    server = script(answer("red"))
    shown = chat(server, "colour?", "/source A1_JAKE", "colour?", f"/time {TIME}", "colour?", options=())
    assert "/source A1_JAKE" in shown.output and "Type /time" in shown.output
    assert len(server.requests) == 1 and "red  (1 turns" in shown.output


@pytest.mark.parametrize("options, said", [
    (("--agent", "other"), "correct --model"), (("--style", "choice"), "has no tools"),
    (("--tools", "none.yaml"), "none.yaml"),
    (("--loop", "a.yaml", "--tools", "b.yaml"), "give --loop FILE or --tools FILE"),
])  # fmt: skip
def test_wrong_options(chat, script, options: tuple[str, ...], said: str) -> None:
    shown = chat(script(), options=options)
    assert shown.exit_code == 1 and said in shown.output, shown.output


def test_a_model_cannot_move_the_cursor(chat, script) -> None:
    assert "\x1b" not in chat(script(answer("\x1b[2Jred")), "colour?").output


def test_a_picture_in_blocks(tmp_path: Path) -> None:
    picture = Image.new("RGB", (64, 32), (0, 0, 250))
    picture.paste((250, 0, 0), (0, 0, 64, 16))
    picture.save(tmp_path / "x.jpg", quality=95)
    text = blocks((tmp_path / "x.jpg").read_bytes(), width=8)
    assert isinstance(text, Text) and text.plain == "▀" * 8 + "\n" + "▀" * 8 + "\n"
    top, bottom = (text.spans[place].style for place in (0, -1))
    assert top.color.triplet.red > 200 and top.bgcolor.triplet.red > 200  # type: ignore[union-attr]
    assert bottom.color.triplet.blue > 200 and bottom.bgcolor.triplet.blue > 200  # type: ignore[union-attr]


def test_ctrl_c_stops_the_answer_and_not_the_conversation(tools: Path, script, tmp_path: Path) -> None:
    """In a terminal of its own."""
    server = script("ENDLESS", answer("red"))
    command = [sys.executable, "-m", "firsthand.cli", "chat", "--agent", "agent", "--server", server.url]
    command += ["--tools", str(tools), "--frames", str(tmp_path), "--source", "A1_JAKE", "--query-time", TIME]
    master, slave = pty.openpty()
    plain: dict[str, Any] = {"env": {**os.environ, "TERM": "dumb"}, "start_new_session": True}
    plain["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background ignores it
    child = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, **plain)
    os.close(slave)

    def until(words: str) -> None:
        seen = ""
        while words not in seen:
            ready = select.select([master], [], [], 120)[0]
            assert ready and len(seen) < 100_000, f"no {words!r} in: {seen[-2000:]}"
            seen += os.read(master, 4096).decode(errors="replace")

    try:
        until("> ")
        os.write(master, b"one\n")
        until("and on and on")
        child.send_signal(signal.SIGINT)
        until("the question is forgotten")
        os.write(master, b"two\n")
        until("red  (")
        os.write(master, b"/quit\n")
        assert child.wait(60) == 0
    finally:
        child.kill()
        child.wait()
        os.close(master)
    assert server.left and len(server.requests[1]["messages"]) == 2
