"""The same questions asked in two ways: directly, and with a thought before the answer."""

from pathlib import Path

import pytest

from firsthand.errors import UserError
from firsthand.evals.commands import execute, write
from firsthand.evals.run_folder import Folder, of_file
from firsthand.evals.ways import AsWritten, Run
from firsthand.files import read_jsonl, write_jsonl
from firsthand.question import Question
from firsthand.rollout.prompt import eval_row

OPTIONS = {"A": "a cup", "B": "a knife"}
FACTS = {"question": "What is held?", "options": OPTIONS, "data_source": "toy", "split": "test", "label": "scene"}


@pytest.fixture
def asked(chat_server, tmp_path: Path):
    """Runs of one file, in folders called by what is given; a model that thinks unless it is told not to."""

    def reply(chat, body) -> None:
        instruction = body["messages"][0]["content"]
        direct = "Do not think" in instruction
        requests.append(body["messages"])
        chat.complete("<answer>B</answer>" if direct else "<think>A knife.</think>\n<answer>A</answer>")

    requests: list = []
    server = chat_server(reply)
    rows = [Question(id=f"q{n}", answer="B", system="A prompt of its own." if n else None, **FACTS) for n in range(3)]
    write_jsonl(tmp_path / "rows.jsonl", map(eval_row, rows))

    def run(name: str, **way) -> Folder:
        benchmark = of_file(tmp_path / "rows.jsonl")
        benchmark = benchmark.__class__(**{**vars(benchmark), "ask": AsWritten(**way)})
        execute(benchmark, Run(out=tmp_path / name, server=server.url, model="tiny"))
        return Folder(tmp_path / name)

    run.requests = requests
    return run


def test_a_style_changes_the_instruction_and_nothing_that_is_asked(asked) -> None:
    written, direct = asked("written"), asked("direct", style="direct")
    first, other = asked.requests[:3], asked.requests[3:]
    assert [messages[-1] for messages in first] == [messages[-1] for messages in other]
    assert {messages[0]["content"] for messages in other} == {other[0][0]["content"]}  # also those with their own
    assert [row["output"] for row in read_jsonl(written.answers)] == ["<think>A knife.</think>\n<answer>A</answer>"] * 3
    assert [row["letter"] for row in read_jsonl(direct.answers)] == ["B"] * 3


def test_ways_of_asking_are_compared_question_by_question(asked, tmp_path: Path, capsys) -> None:
    write([asked("written"), asked("direct", style="direct")], tmp_path / "both")
    table = (tmp_path / "both.md").read_text()
    assert "| all | 3 | 0.0" in table and "tokens of an answer" in table and "direct" in table


def test_a_run_goes_on_in_its_own_style_only(asked) -> None:
    asked("run", style="direct")
    with pytest.raises(UserError, match="was begun with other questions"):
        asked("run")
