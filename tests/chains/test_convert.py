"""Training rows of chains: what a student learns is what happened, and Ego-R1's readers read it too."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from firsthand import files
from firsthand.chains.generate import read_questions
from firsthand.cli import app
from firsthand.data.build import writers
from firsthand.data.build.build import Options, build
from firsthand.data.build.catalogue import release
from firsthand.errors import UserError
from firsthand.question import Question
from firsthand.rollout.prompt import eval_row, messages, verl_row
from firsthand.rollout.turn_text import Answer, Call, read_action

SEARCH = {"level": "day", "keywords": ["kettle", 'a "b" {c}'], "start_time": "DAY1_11000000"}
CALL = f"<think>I search with rag.</think> <tool>{json.dumps({'name': 'rag', 'arguments': SEARCH})}</tool>"
ANSWER = "<think>On the shelf.</think> <answer>B</answer>"


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["cott", "convert", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


@pytest.fixture
def chains(record: Callable, question: Callable) -> Path:
    """A whole chain, one with an unreadable turn, one without any call, and one that is wrong."""
    turns = {"q1": [CALL, CALL, ANSWER], "q2": ["hm", CALL, ANSWER], "q3": [ANSWER], "bad": [ANSWER.replace("B", "C")]}
    return record(*[(question(name), written) for name, written in turns.items()])


def test_fine_tuning_rows_in_the_dialect_of_ego_r1(chains, tmp_path, question) -> None:
    output = run(chains, "--sft", tmp_path / "sft.json", code=1)
    assert "3 chains with 3 calls about 3 questions" in output and "1 of them had turns" in output
    assert "left aside:" in output and "row 4: bad: its answer is wrong" in output
    rows = files.read_json(tmp_path / "sft.json")
    said = [turn["content"] for turn in rows[0]["messages"]]
    assert [turn["role"] for turn in rows[0]["messages"]] == ["system", "user", *["assistant", "user"] * 2, "assistant"]
    assert said[0] == messages(question("q1"))[0]["content"] and "<timestamp>DAY1_12000000</timestamp>" in said[1]
    assert read_action(said[2], "ego_r1") == Call("rag", SEARCH, "I search with rag.")
    seen = [turn["observation"] for turn in next(iter(files.read_jsonl(chains)))["trace"]["turns"][:2]]
    assert [said[3], said[5]] == [f"<information>{text}</information>" for text in seen] and "shelf" in seen[0]
    assert read_action(said[6], "ego_r1", "ABC") == Answer("B", "B", "On the shelf.")
    assert [len(row["messages"]) for row in rows] == [7, 5, 3]


def test_fine_tuning_rows_in_the_native_dialect(chains, tools, tmp_path) -> None:
    run(chains, "--sft", tmp_path / "sft.json", "--style", "ego_r1_native", "--tools", tools, code=1)
    row = files.read_json(tmp_path / "sft.json")[1]
    assert [turn["role"] for turn in row["messages"]] == ["system", "user", "assistant", "tool", "assistant"]
    assert read_action(row["messages"][2]["content"], "native") == Call("rag", SEARCH, "I search with rag.")
    assert [tool["function"]["name"] for tool in json.loads(row["tools"])] == ["rag", "terminate"]


def test_rows_for_verl_hold_every_question_once(chains, tmp_path, question) -> None:
    [first, *_] = rows = list(files.read_jsonl(chains))
    files.write_jsonl(chains, [*rows[:3], first | {"id": "q1#1", "sample": 1}])
    assert "4 chains with 5 calls about 3 questions" in run(chains, "--rl", tmp_path / "rl.parquet")
    table = pq.read_table(tmp_path / "rl.parquet").to_pylist()
    assert [row["extra_info"]["id"] for row in table] == ["q1", "q2", "q3"]
    expected = verl_row(question("q1"), 0)
    assert {key: table[0][key] for key in expected} == expected
    assert read_questions(tmp_path / "rl.parquet") == [question(name) for name in ("q1", "q2", "q3")]


def test_questions_with_other_labels_share_a_table(record, question, tmp_path) -> None:
    chains = record((question("q1", labels={"type": "x"}), [ANSWER]), (question("q2", labels={"kind": "y"}), [ANSWER]))
    run(chains, "--rl", tmp_path / "rl.parquet")
    facts = [row["extra_info"] for row in pq.read_table(tmp_path / "rl.parquet").to_pylist()]
    assert [(fact["type"], fact["kind"]) for fact in facts] == [("x", None), (None, "y")]


def test_the_raw_form_is_read_by_the_reader_of_the_release(chains, tmp_path) -> None:
    """The same conversations come out, whichever way."""
    raw = tmp_path / "release/Ego-CoTT-raw"
    run(chains, "--raw", raw, "--sft", tmp_path / "sft.json", code=1)
    assert [path.name for path in raw.iterdir()] == ["A1_JAKE.json"]
    options = Options()
    built = build(release("ego_cott"), tmp_path / "release", tmp_path / "out", ["sft"], options, lambda *_: None)
    assert built["sft"].rows == {"sft.jsonl": 3} and not built["sft"].dropped
    assert list(files.read_jsonl(tmp_path / "out/sft.jsonl")) == files.read_json(tmp_path / "sft.json")
    record = files.read_json(raw / "A1_JAKE.json")[0]
    assert (record["ID"], record["ground_truth"], record["cot"][-1]["answer"]) == ("q1", "B", "B")
    assert json.loads(record["cot"][0]["tool"]["arguments"]) == SEARCH
    span = {"query_time": "DAY1_12000000", "target_time": "DAY1_11000000-DAY1_11003000", "span": 3600.0}
    assert record["reasoning_span"] == span


def test_chains_that_show_frames_are_left_aside(chains, tmp_path) -> None:
    rows = list(files.read_jsonl(chains))
    rows[0]["trace"]["turns"][0]["images"] = [1.0]
    files.write_jsonl(chains, rows[:3])
    assert "q1: it shows frames" in run(chains, "--sft", tmp_path / "sft.json", code=1)
    assert len(files.read_json(tmp_path / "sft.json")) == 2


@pytest.mark.parametrize(("style", "native"), [("ego_r1_brief", False), ("ego_r1_native", True)])
def test_an_entry_of_the_registry(chains, tools, tmp_path, monkeypatch, style, native) -> None:
    monkeypatch.chdir(tmp_path)
    files.write_json(tmp_path / "dataset_info.json", {"mine": {"file_name": "x.json"}})
    arguments = [chains, "--sft", "datasets/my/sft.json", "--register", "my", "--style", style, "--tools", tools]
    run(*arguments, code=1)
    entries = files.read_json("dataset_info.json")
    assert entries["mine"] == {"file_name": "x.json"} and entries["my"]["file_name"] == "datasets/my/sft.json"
    assert entries["my"]["tags"]["role_tag"] == "role" and entries["my"]["columns"]["messages"] == "messages"
    assert ("tools" in entries["my"]["columns"], "observation_tag" in entries["my"]["tags"]) == (native, native)
    output = CliRunner().invoke(app, ["data", "check", "my"]).output
    assert "3 rows" in output, output


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "nothing to write"),
        (["--sft", "x.json", "--style", "choice"], "--style choice: not a style of agents; choose ego_r1,"),
        (["--sft", "x.json", "--style", "ego_r1_native"], "give --tools"),
        (["--rl", "x.json"], "veRL reads .parquet"),
        (["--rl", "x.parquet", "--register", "x"], "--register needs --sft"),
        (["--sft", "/tmp/elsewhere/sft.json", "--register", "x"], "lies outside the folder"),
    ],
)
def test_wrong_options_end_in_words_and_write_nothing(chains, tmp_path, monkeypatch, arguments, why) -> None:
    monkeypatch.chdir(tmp_path)
    assert why in run(chains, *arguments, code=1)
    assert not Path("x.json").exists() and not Path("/tmp/elsewhere").exists()


def test_chains_are_never_overwritten(chains, tmp_path) -> None:
    link, raw = tmp_path / "rl.parquet", tmp_path / "raw"
    link.symlink_to(chains)
    raw.mkdir()
    (raw / "A1_JAKE.json").symlink_to(chains)
    before = chains.read_bytes()
    for outs in (["--sft", chains], ["--rl", link], ["--raw", raw]):
        assert "is one of the files that are read" in run(chains, *outs, code=1)
    assert chains.read_bytes() == before


def test_where_there_is_no_chain_nothing_is_written(record, question, tmp_path) -> None:
    empty, out = tmp_path / "empty.jsonl", tmp_path / "sft.json"
    empty.write_text("")
    assert "no chain is left to make rows from" in run(empty, "--sft", out, "--raw", tmp_path / "raw", code=1)
    bad = record((question("bad"), [ANSWER.replace("B", "C")]))
    assert f"the first: {bad}: row 1: bad: its answer is wrong" in run(bad, "--sft", out, code=1)
    assert not out.exists() and not (tmp_path / "raw").exists()


def test_questions_are_read_from_rows_of_either_kind(tmp_path, question) -> None:
    asked = [question("q1", question='What is "A. b"?\nReally?'), question("q2", labels={}, answer="A")]
    with writers.table(tmp_path / "rl.parquet") as table:
        for number, one in enumerate(asked):
            table.add(writers.pack("x.parquet", [verl_row(one, number)], video_files=False))
    files.write_jsonl(tmp_path / "eval.jsonl", map(eval_row, asked))
    of_table, of_lines = read_questions(tmp_path / "rl.parquet"), read_questions(tmp_path / "eval.jsonl")
    assert of_lines == asked == [Question.from_eval(eval_row(one)) for one in asked]
    assert [one.model_dump(exclude={"labels"}) for one in of_table] == [
        one.model_dump(exclude={"labels"}) for one in asked
    ]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"images": ["a.jpg"]}, "shows frames"),
        ({"identity": None}, "no identity"),
        ({"query_time": None}, "query_time"),
    ],
)
def test_questions_that_no_agent_can_be_asked(tmp_path, question, changes, why) -> None:
    files.write_jsonl(tmp_path / "eval.jsonl", [eval_row(question("q1", **changes))])
    with pytest.raises(UserError, match=why):
        read_questions(tmp_path / "eval.jsonl")


def test_a_table_that_is_none_or_of_other_rows(tmp_path, question) -> None:
    (tmp_path / "a.parquet").write_text("x")
    with pytest.raises(UserError, match="not a readable parquet file"):
        read_questions(tmp_path / "a.parquet")
    row = verl_row(question("q1"), 0)
    row["prompt"][-1]["content"] += "\nThink."
    with writers.table(tmp_path / "b.parquet") as table:
        table.add(writers.pack("b.parquet", [row], video_files=False))
    with pytest.raises(UserError, match="row 1: q1: its prompt is not a question to an agent"):
        read_questions(tmp_path / "b.parquet")
