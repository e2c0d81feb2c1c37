"""The toy agent: its questions can be answered by searching, its teacher searches, its drills tell the truth."""

import asyncio
import random
import re
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from firsthand import clock, files
from firsthand.errors import UserError
from firsthand.question import Question
from firsthand.rollout import prompt
from firsthand.rollout.agent import Limits, Trace, run_episode
from firsthand.rollout.episodes import Task
from firsthand.rollout.turn_text import Answer, Call, read_action
from firsthand.tools.config import load
from firsthand.toy import scripted_teacher
from firsthand.toy.agent_rows import agent_questions, build_agent_rows
from firsthand.toy.tiny_models.memory_drills import read_turns, recital_row, search_drill
from firsthand.toy.week.folder import Folder
from firsthand.toy.week.plan import Size


@pytest.fixture(scope="module")
def big(in_memory) -> Folder:
    return in_memory(Size(people=3, days=3, sessions=4, clips=4, questions=240))


@pytest.fixture(scope="module")
def tools(big: Folder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tools file over a store of the week's memory."""
    from firsthand.memory.commands import import_

    root = tmp_path_factory.mktemp("agent")
    for identity, levels in big.memory.items():
        for level, records in levels.items():
            files.write_json(root / f"memory/egolife/{identity}/{identity}_{level}.json", records)
    import_(root / "memory", out=root / "memory.sqlite")
    files.write_text(root / "tools.yaml", f"memory: {{store: {root}/memory.sqlite}}\ntools: {{rag: }}\n")
    return root / "tools.yaml"


def ask(questions: list[Question], tools: Path) -> list[Trace]:
    async def run() -> list[Trace]:
        toolbox = load(tools)
        tasks = [Task(question, prompt.messages(question)) for question in questions]
        return [
            await run_episode(scripted_teacher.Expert(task), toolbox, task.context, "ego_r1", "ABCD", Limits())
            for task in tasks
        ]

    return asyncio.run(run())


def test_rows_are_memory_questions_of_their_split_and_the_rest_is_counted(big: Folder) -> None:
    by_split, aside = agent_questions(big)
    counts = {split: len(questions) for split, questions in by_split.items()}
    assert min(counts.values()) > 0
    assert sum(counts.values()) + sum(aside.values()) == len(big.all_questions())
    for split, questions in by_split.items():
        assert {question.id for question in questions} <= set(big.splits[split]["questions"])
        assert all(question.style == "ego_r1_brief" and question.labels["target_time"] for question in questions)


def test_a_week_that_is_too_small_is_refused(week: Path) -> None:
    with pytest.raises(UserError, match="more clips"):
        build_agent_rows(week)
    assert not list(week.glob("agent_*"))


def test_files_of_a_week(big: Folder, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("firsthand.toy.week.folder.load", lambda out: big)
    week = tmp_path
    written = build_agent_rows(week)
    rows = pq.read_table(week / "agent_grpo_train.parquet").to_pylist()
    asked, taught = (list(files.read_jsonl(week / f"agent_{name}.jsonl")) for name in ("train", "sft"))
    assert written.counts["train"] == len(asked) and len(rows) > 0 < len(taught)
    reinforced = [row["extra_info"]["id"] for row in rows]
    assert sorted([*reinforced, *(row["id"] for row in taught)]) == sorted(row["id"] for row in asked)
    people = {row["extra_info"]["identity"] for row in rows}
    assert people.isdisjoint(row["identity"] for row in taught), "SFT has seen what GRPO asks"
    held_out = pq.read_table(week / "agent_grpo_test.parquet").to_pylist()
    assert [row["extra_info"]["id"] for row in held_out] == [
        r["id"] for r in files.read_jsonl(week / "agent_test.jsonl")
    ]
    assert {row["agent_name"] for row in rows} == {"ego_r1"}
    assert [row["extra_info"]["index"] for row in rows] == list(range(len(rows)))


def test_the_teacher_that_searches_is_nearly_always_right_and_sees_no_future(big: Folder, tools, monkeypatch) -> None:
    monkeypatch.setattr(scripted_teacher, "GUESSES", 0.0)
    questions = agent_questions(big)[0]["test"]
    traces = ask(questions, tools)
    right = sum(trace.letter == question.answer for trace, question in zip(traces, questions, strict=True))
    assert right / len(questions) > 0.75
    for trace, question in zip(traces, questions, strict=True):
        assert {turn.status for turn in trace.calls} == {"ok"}
        assert question.query_time
        latest = clock.parse(question.query_time)
        assert all(end <= latest for turn in trace.calls for _, end in turn.spans)


def test_the_teacher_that_guesses_is_right_as_often_as_chance(big: Folder, tools, monkeypatch) -> None:
    monkeypatch.setattr(scripted_teacher, "GUESSES", 1.0)
    by_split = agent_questions(big)[0]
    questions = [question for split in by_split.values() for question in split]
    traces = ask(questions, tools)
    assert not any(trace.calls for trace in traces)
    right = sum(trace.letter == question.answer for trace, question in zip(traces, questions, strict=True))
    assert right / len(questions) < 0.5


def test_samples_of_a_question_differ(big: Folder, tools, monkeypatch) -> None:
    monkeypatch.setattr(scripted_teacher, "GUESSES", 0.5)
    question = agent_questions(big)[0]["train"][0]
    teachers = [scripted_teacher.Expert(Task(question, prompt.messages(question), sample)) for sample in range(20)]
    assert {teacher.guesses for teacher in teachers} == {True, False}


def sentences(record: str) -> list[str]:
    return [said.strip() for said in record.split(": ", 1)[1].split("</information>")[0].split(" .") if said.strip()]


def test_a_drill_answers_with_the_last_sentence_about_the_thing_or_says_that_there_is_none() -> None:
    seen: Counter[bool] = Counter()
    for seed in range(200):
        (first, _), *_ = turns = read_turns(random.Random(seed))
        for question, answer in turns:
            asked, *options = re.sub("<information>.*</information>", "", question).strip().split("\n")
            thing = asked.split(" the ")[1].split()[0]
            verb = "hand over" if asked.startswith("who") else "put down"
            about = [said for said in sentences(first) if said.startswith(f"i {verb} the {thing} ")]
            seen[bool(about)] += 1
            if not about:
                assert answer == f"nothing of the {thing} ."
                continue
            read = read_action(answer, "ego_r1")
            assert isinstance(read, Answer)
            _, named, value, letter = read.thought.split()
            assert (
                named == thing
                and read.letter == letter
                and about[-1].split(f" the {thing} ")[1].startswith((f"in the {value} ", f"to {value} "))
            )
            assert f"{letter}. {value}" in options
    assert min(seen.values()) > 50


def test_a_recital_names_what_the_record_says_of_each_thing() -> None:
    for seed in range(50):
        (question, answer) = recital_row(random.Random(seed))[0]
        for thing, value in map(str.split, answer.split(" , ")):
            (about,) = [line for line in sentences(question) if f" the {thing} " in line]
            assert about.split(f" the {thing} ")[1].startswith((f"in the {value} ", f"to {value} "))


def test_a_search_drill_is_a_call_that_the_tools_take() -> None:
    for seed in range(50):
        question, turn = search_drill(random.Random(seed))
        action = read_action(turn, "ego_r1")
        assert isinstance(action, Call)
        if action.arguments["level"] == "day":
            asked = question.split("day ")[-1].split()[0]
            assert clock.day(clock.parse(action.arguments["start_time"])) == int(asked)
        assert action.arguments["keywords"][-1] in question
