"""Ego-CoTT and the questions about a week, in the exact formats of their releases, with every defect of theirs."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from firsthand import files
from firsthand.cli import app
from firsthand.data.build.build import Built, Options, build
from firsthand.data.build.catalogue import release
from firsthand.errors import UserError
from firsthand.question import Question
from firsthand.rollout.prompt import system
from firsthand.rollout.turn_text import Answer, Call, read_action

SYSTEM = "You answer with tools."
QUESTION = "Who has the cup? <timestamp>DAY1_11210217</timestamp>\nA. Jake\nB. Alice\nC. Tasha\nD. Lucia"
CALLS = [
    "<think>Search the day.</think> "
    "<tool>{'name': 'rag', 'arguments': '{\"level\":\"day\",\"keywords\":[\"cup\"]}'}</tool>",
    "<think>Look.</think> "
    '<tool>{"name": "vlm", "arguments": {"question": "a {cup}?", "timestamp": "DAY1_11000000"}}</tool>',
]
SEEN = ["<information>{'response': [1, {'a': 2}]}</information>", "<information>yes, a cup</information>"]
ANSWER = "<think>Alice it is.</think> <answer>B</answer>"


def run(name: str, src: Path, out: Path, *purposes: Any, **options: Any) -> dict[Any, Built]:
    return build(release(name), src, out, purposes, Options(**options), lambda *_: None)


def records(question: str = QUESTION) -> list[dict[str, Any]]:
    """One record a step, each with all that came before in its history."""
    users, replies = [question, *SEEN], [*CALLS, ANSWER]
    return [
        {
            "instruction": users[step],
            "input": "",
            "output": replies[step],
            "system": SYSTEM,
            "history": [list(turn) for turn in zip(users[:step], replies[:step], strict=True)],
        }
        for step in range(3)
    ]


def cott(tmp_path: Path, rows: list[dict[str, Any]]) -> tuple[Built, list[dict[str, Any]]]:
    files.write_json(tmp_path / "src/Ego-CoTT-25K/train-cott.json", rows)
    built = run("ego_cott", tmp_path / "src", tmp_path / "out", "sft")["sft"]
    return built, list(files.read_jsonl(tmp_path / "out/sft.jsonl"))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_records_of_steps_become_one_chain_in_any_order(tmp_path: Path, order: tuple[int, ...]) -> None:
    steps = records()
    built, [row] = cott(tmp_path, [steps[number] for number in order])
    assert (built.dropped, built.folded) == (0, 2)
    turns = row["messages"]
    assert [turn["role"] for turn in turns] == ["system", "user", "assistant", "user", "assistant", "user", "assistant"]
    assert turns[0]["content"] == system("ego_r1")
    assert [turn["content"] for turn in turns if turn["role"] == "user"] == [QUESTION, *SEEN]
    first, second, last = (read_action(turn["content"], "ego_r1") for turn in turns if turn["role"] == "assistant")
    assert first == Call("rag", {"level": "day", "keywords": ["cup"]}, "Search the day.")
    assert second == Call("vlm", {"question": "a {cup}?", "timestamp": "DAY1_11000000"}, "Look.")
    assert last == Answer("B", "B", "Alice it is.")
    assert files.read_text(tmp_path / "out/release_system.txt") == SYSTEM


def test_chains_are_put_together_before_several_processes_read_them(tmp_path: Path, monkeypatch) -> None:
    rows = [step for number in range(20) for step in records(f"{number}: {QUESTION}")]
    one = cott(tmp_path, rows)
    monkeypatch.setattr("firsthand.data.build.build.FEW", 0)
    monkeypatch.setattr("firsthand.data.build.build.BATCH", 7)
    monkeypatch.setattr("firsthand.data.build.build.default_workers", lambda: 2)
    assert cott(tmp_path, rows) == one
    assert (one[0].rows, one[0].folded) == ({"sft.jsonl": 20}, 40)


def test_the_releases_own_system_prompt_can_be_had(tmp_path: Path) -> None:
    cott(tmp_path, records())
    run("ego_cott", tmp_path / "src", tmp_path / "out", "sft", system=SYSTEM)
    [row] = files.read_jsonl(tmp_path / "out/sft.jsonl")
    assert row["messages"][0] == {"role": "system", "content": SYSTEM}


def test_a_dropped_history_is_noticed(tmp_path: Path) -> None:
    """Without its history the last step of a chain would teach to answer a question that was never asked."""
    whole, cut = records(QUESTION.replace("cup", "book")), records()
    for record in cut:
        record["history"] = []
    built, rows = cott(tmp_path, [*cut, *whole])
    assert (len(rows), built.dropped) == (1, 3)
    reasons = [row["reason"] for row in files.read_jsonl(tmp_path / "out/dropped.jsonl")]
    assert reasons[0] == "the record starts in the middle of a chain: its history is missing"
    assert reasons[1:] == ["no record holds the end of this chain"] * 2


def test_a_missing_system_is_told_and_ours_is_written(tmp_path: Path) -> None:
    rows = [{key: value for key, value in record.items() if key != "system"} for record in records()]
    built, [row] = cott(tmp_path, rows)
    assert built.notes == {"the release's own system prompt is missing": 1}
    assert row["messages"][0]["content"] == system("ego_r1")


def changed(**changes: Any) -> dict[str, Any]:
    return records()[2] | changes


BAD = {
    "no action could be read": changed(output="<answer>B</answer>"),
    "is not among the options": changed(output=ANSWER.replace("B", "E")),
    "turn 1: a turn must not contain": changed(history=[[QUESTION, CALLS[0] + SEEN[0]], *records()[2]["history"][1:]]),
    "does not begin with <information>": changed(history=[records()[2]["history"][0], ["found it", CALLS[1]]]),
    "no <timestamp>": changed(history=[["Who?\nA. x\nB. y", CALLS[0]], *records()[2]["history"][1:]]),
    "no options follow": changed(
        history=[["Who? <timestamp>DAY1_11210217</timestamp>", CALLS[0]], [SEEN[0], CALLS[1]]]
    ),
    "is not a time": changed(history=[[QUESTION.replace("DAY1", "Monday"), CALLS[0]], *records()[2]["history"][1:]]),
    "an answer must be the last turn": changed(history=[[QUESTION, ANSWER], [SEEN[0], CALLS[1]]]),
    "the key 'output' is missing": {"instruction": QUESTION},
}


@pytest.mark.parametrize("reason", BAD)
def test_a_record_that_cannot_be_read(tmp_path: Path, reason: str) -> None:
    built, rows = cott(tmp_path, [BAD[reason], *records()])
    assert (built.dropped, len(rows)) == (1, 1)
    assert reason in built.examples[0]


def trace(id: str, answer: str = "B", **changes: Any) -> dict[str, Any]:
    step = {
        "step": 1,
        "thought": None,
        "tool": {"id": "x", "name": "rag", "arguments": json.dumps({"level": "day", "keywords": ["cup"]})},
        "observation": "{'response': 'a cup'}",
    }
    return {
        "ID": id,
        "question": QUESTION,
        "cot": [step, {"step": 2, "thought": "so", "answer": answer}],
        "ground_truth": "B",
        "reasoning_span": {},
        "log": "x",
    } | changes


def test_raw_traces(tmp_path: Path) -> None:
    rows = [trace("1"), trace("2", "C"), trace("3", "N/A"), trace("4", cot=[trace("1")["cot"][0]])]
    files.write_json(tmp_path / "src/Ego-CoTT-raw/A1.json", rows)
    built = run("ego_cott", tmp_path / "src", tmp_path / "out")["sft"]
    assert built.left_aside == {"the answer of the chain is wrong": 2, "the chain has no answer": 1}
    [row] = files.read_jsonl(tmp_path / "out/sft.jsonl")
    assert row["messages"][2]["content"].startswith('<think></think> <tool>{"name": "rag"')
    assert row["messages"][3]["content"] == "<information>{'response': 'a cup'}</information>"


def a_question(id: str = "1", **changes: Any) -> dict[str, Any]:
    return {
        "ID": id,
        "query_time": {"date": "DAY1", "time": "11210217"},
        "type": "EntityLog",
        "need_audio": False,
        "need_name": True,
        "last_time": "N/A",
        "question": "Who has the cup?",
        **{f"choice_{letter}": name for letter, name in zip("abcd", ("Jake", "Alice", 3, "Lucia"), strict=True)},
        "answer": "B",
        "target_time": {"date": "DAY1", "time": "11110217"},
    } | changes


def ego_qa(tmp_path: Path, rows: list[dict[str, Any]], **options: Any) -> tuple[Built, list[dict[str, Any]]]:
    files.write_json(tmp_path / "src/Ego-QA-4.4K/manual-2.9K/A1.json", rows)
    files.write_json(tmp_path / "src/Ego-QA-4.4K/gemini-1.5K/A2.json", [a_question()])
    built = run("ego_qa", tmp_path / "src", tmp_path / "out", "rl", **options)["rl"]
    return built, pq.read_table(tmp_path / "out/rl_train.parquet").to_pylist()


def test_questions_of_many_files_have_ids_and_indexes_of_their_own(tmp_path: Path) -> None:
    _, rows = ego_qa(tmp_path, [a_question("1"), a_question("2", identity="A1_JAKE")])
    facts = [row["extra_info"] for row in rows]
    assert [fact["index"] for fact in facts] == [0, 1, 2]
    assert [fact["id"] for fact in facts] == [
        "Ego-QA-4.4K/gemini-1.5K/A2/1", "Ego-QA-4.4K/manual-2.9K/A1/1", "Ego-QA-4.4K/manual-2.9K/A1/2",
    ]  # fmt: skip
    assert [fact["identity"] for fact in facts] == ["A2_ALICE", "A1_JAKE", "A1_JAKE"]
    assert rows[0]["prompt"] == [
        {"role": "system", "content": system("ego_r1")},
        {"role": "user", "content": QUESTION.replace("Tasha", "3")},
    ]
    assert (rows[0]["agent_name"], facts[0]["query_time"]) == ("ego_r1", "DAY1_11210217")


@pytest.mark.parametrize(
    "query_time, target_time, expected",
    [
        ({"date": "day6", "time": "11210217"}, None, ("DAY6_11210217", None)),
        ([{"date": "DAY1", "time": "11210217"}, {"date": "DAY2", "time": "9000000"}], None, ("DAY1_11210217", None)),
        ({"date": "DAY1", "time": "12041900-12003000"}, None, ("DAY1_12041900", None)),
        (
            {"date": "DAY1", "time": "12332505"},
            {"date": "DAY1", "time": "12332505-12542517"},
            ("DAY1_12332505", "DAY1_12332505-DAY1_12542517"),
        ),
        (
            {"date": "DAY2", "time": "12000000"},
            {"date": "DAY1", "time_list": ["11110000", "11120000"]},
            ("DAY2_12000000", "DAY1_11110000-DAY1_11110000 DAY1_11120000-DAY1_11120000"),
        ),
        (
            {"date": "DAY2", "time": "12000000"},
            {"date": "DAY1", "time": "111153417DAY1_11181201"},
            ("DAY2_12000000", "DAY1_11115317-DAY1_11115317 DAY1_11181201-DAY1_11181201"),
        ),
    ],
)
def test_times_as_people_write_them(tmp_path: Path, query_time: Any, target_time: Any, expected: Any) -> None:
    built, rows = ego_qa(tmp_path, [a_question(query_time=query_time, target_time=target_time)])
    facts = rows[1]["extra_info"]
    assert built.dropped == 0
    assert facts["query_time"] == expected[0]
    if "11115317" not in str(expected[1]):
        assert facts["target_time"] == expected[1]
    else:
        assert facts["target_time"].endswith("DAY1_11181201-DAY1_11181201")


def test_an_unreadable_time(tmp_path: Path) -> None:
    """The query time is needed; where the evidence lies is not."""
    rows = [a_question("1", query_time={"date": "DAY1", "time": "noon"}), a_question("2", target_time="noon")]
    built, kept = ego_qa(tmp_path, rows)
    assert built.dropped == 1 and "is not a time" in built.examples[0]
    assert built.notes == {"target_time cannot be read: the row is kept without it": 1}
    assert [row["extra_info"]["target_time"] for row in kept][1] is None


def test_one_person_can_be_held_out(tmp_path: Path) -> None:
    built, rows = ego_qa(tmp_path, [a_question("1"), a_question("2")], hold_out=("A2_ALICE",))
    assert built.rows == {"rl_train.parquet": 2, "rl_dev.parquet": 1}
    [dev] = pq.read_table(tmp_path / "out/rl_dev.parquet").to_pylist()
    assert (dev["extra_info"]["identity"], dev["extra_info"]["split"]) == ("A2_ALICE", "dev")
    assert {row["extra_info"]["index"] for row in [*rows, dev]} == {0, 1, 2}


def test_a_person_who_is_not_there_cannot_be_held_out(tmp_path: Path) -> None:
    ego_qa(tmp_path, [a_question("1")])
    before = (tmp_path / "out/rl_train.parquet").read_bytes()
    with pytest.raises(UserError, match="--hold-out A2_ALCIE: no question is this person's; it has A1_JAKE, A2_ALICE"):
        ego_qa(tmp_path, [a_question("1")], hold_out=("A2_ALICE", "A2_ALCIE"))
    assert (tmp_path / "out/rl_train.parquet").read_bytes() == before
    cli("build", "ego_cott", "--src", tmp_path, "--hold-out", "A2_ALICE", says="add --for rl", code=1)


def cli(*arguments: Any, says: str, code: int = 0) -> None:
    result = CliRunner().invoke(app, ["data", *map(str, arguments)])
    assert result.exit_code == code and says in " ".join(result.output.split()), result.output


@pytest.mark.parametrize("form", ["records", "traces"])
def test_chains_of_the_questions_of_the_dev_split_can_be_left_out(tmp_path: Path, form: str) -> None:
    """The dev split chooses a checkpoint of an agent whose fine-tuning must not have known its answers."""

    def asked(who: str) -> dict[str, Any]:
        return a_question(question=f" Who has  the cup of {who}?", choice_c="Tasha: she, (not) I.")

    qa, chains, texts = tmp_path / "qa", tmp_path / "chains", {}
    for person, who in (("A1", "Jake"), ("A6", "Shure")):
        files.write_json(qa / f"Ego-QA-4.4K/manual-2.9K/{person}.json", [asked(who)])
        options = "\nA. Jake\nB. Alice\nC. Tasha: she, (not) I.\nD. Lucia"
        texts[who] = f"Who has the cup of {who}? <timestamp>DAY1_11210217</timestamp>{options}"
    rows = [row for text in texts.values() for row in records(text)]
    if form == "traces":
        rows = [trace(who, question=text) for who, text in texts.items()]
    folder = "Ego-CoTT-25K/train-cott.json" if form == "records" else "Ego-CoTT-raw/A1.json"
    files.write_json(chains / folder, rows)
    dev = tmp_path / "datasets/ego_qa/rl_dev.parquet"
    cli("build", "ego_qa", "--src", qa, "--out", dev.parent, "--hold-out", "A6_SHURE", says="1 ")
    sft = tmp_path / "datasets/ego_cott/sft.jsonl"
    build_cott = ["build", "ego_cott", "--src", chains, "--out", sft.parent]
    cli(*build_cott, says="2 ")
    cli("leaks", sft, dev, "--dataset-dir", tmp_path, says="1 pairs the same words and options (question)", code=1)
    cli(*build_cott, "--without", dev, says="1 a file of --without asks the same")
    assert [row["messages"][1]["content"] for row in files.read_jsonl(sft)] == [texts["Jake"]]
    [left] = files.read_jsonl(sft.with_name("dropped.jsonl"))
    assert left["left_aside"] == "a file of --without asks the same" and left["row"] > 1
    cli("leaks", sft, dev, "--dataset-dir", tmp_path, says="0 pairs the same words and options (question)")
    cli(*build_cott, "--without", dev.with_name("rl_train.parquet"), "--without", dev, says="no row", code=1)
    files.write_json(qa / "Ego-QA-4.4K/manual-2.9K/A6.json", [asked("nobody")])
    cli("build", "ego_qa", "--src", qa, "--out", dev.parent, "--hold-out", "A6_SHURE", says="1 ")
    cli(*build_cott, "--without", dev, says="0 a file of --without asks the same")
    cli(*build_cott, "--without", dev.with_name("none.parquet"), says="none.parquet", code=1)


def test_rows_for_an_agent_of_the_native_dialect(tmp_path: Path) -> None:
    _, rows = ego_qa(tmp_path, [a_question()], style="ego_r1_native")
    assert {row["agent_name"] for row in rows} == {"ego_r1_native"}
    assert not any("<tool>" in row["prompt"][0]["content"] for row in rows)


def test_benchmarks_are_for_evaluation(tmp_path: Path) -> None:
    files.write_json(tmp_path / "src/EgoLifeQA_A1_JAKE.json", [a_question()])
    run("egolife_qa", tmp_path / "src", tmp_path / "out")
    [row] = files.read_jsonl(tmp_path / "out/eval.jsonl")
    question = Question.from_eval(row)
    assert (question.split, question.labels["type"], question.labels["need_name"]) == ("test", "EntityLog", "True")


def test_the_toy_week_keeps_its_splits(tmp_path: Path) -> None:
    week = tmp_path / "week"
    files.write_json(week / "qa/EgoLifeQA_A1_JAKE.json", [a_question(str(number)) for number in range(3)])
    splits = {"train": {"questions": ["0"]}, "dev": {"questions": ["1"]}, "test": {"questions": ["2"]}}
    files.write_json(week / "splits.json", splits)
    built = run("toy_week", week, tmp_path / "out")
    assert built["rl"].rows == {"rl_train.parquet": 1, "rl_dev.parquet": 1}
    assert (built["eval"].rows, built["eval"].dropped) == ({"eval.jsonl": 1}, 0)
    assert built["eval"].left_aside == {"of the train split": 1, "of the dev split": 1}
