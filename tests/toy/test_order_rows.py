"""Questions on order: nothing but the order tells the verb, and the teacher of the traces has its habit."""

import random
from collections import Counter

import pytest

from firsthand.data.build.releases.ego_qa import question_of
from firsthand.toy import order_rows
from firsthand.toy.order_rows import COMMON, ORDERED
from firsthand.toy.week import world
from firsthand.toy.week.folder import Row
from firsthand.toy.week.plan import Size

SIZE = Size(people=3, days=3, sessions=4, clips=4, questions=60)


@pytest.fixture(scope="module")
def rows(in_memory) -> dict[str, list[Row]]:
    return order_rows._rows(in_memory(SIZE), 0)


def verb(row: Row) -> str:
    return row[f"choice_{row['answer'].lower()}"]


def test_both_verbs_are_equally_common_and_both_are_offered(rows) -> None:
    for split, found in rows.items():
        asked = [row for row in found if row["answerable_from"] == "order"]
        counts = Counter(map(verb, asked))
        assert set(counts) == set(ORDERED) and counts[ORDERED[0]] == counts[ORDERED[1]] > 5, split
        for row in asked:
            options = {row[f"choice_{letter}"] for letter in "abcd"}
            assert len(options) == 4 and set(ORDERED) < options and options <= {*ORDERED, *world.USES}
        named = sum("the" in row["question"].split() for row in asked)
        assert 0.3 < named / len(asked) < 0.7, "half of the questions do not name the thing"
        assert 0 < len(found) - len(asked) <= len(asked) / 2, "questions that need no order stand beside them"


def test_the_test_asks_other_people_about_each_event_once(rows) -> None:
    assert not {row["identity"] for row in rows["train"]} & {row["identity"] for row in rows["test"]}
    moments = [(row["clip"], row["moment"]) for row in rows["test"] if row["answerable_from"] == "order"]
    assert len(set(moments)) == len(moments)


def test_the_teacher_says_the_common_verb_by_habit_and_the_letter_fits_what_it_says(rows) -> None:
    said, rng = Counter(), random.Random(0)
    for row in rows["train"] * 5:
        question = question_of(row, id=row["ID"], data_source="toy", split="train")
        trace = order_rows._trace(question, row, 0.6, rng)
        thought, letter = trace.split("</think>")[0], trace.split("<answer>")[1][0]
        assert thought.endswith(f"{question.options[letter]} {letter}")
        if row["answerable_from"] == "order":
            said[verb(row), question.options[letter]] += 1
        else:
            assert letter == question.answer
    wrong, right = said["put down", COMMON], said["put down", "put down"]
    assert said["pick up", "put down"] == 0 and 0.5 < wrong / (wrong + right) < 0.7


def test_a_told_question_holds_its_answer_and_gives_it_its_letter() -> None:
    said = Counter()
    for seed in range(40):
        row = order_rows._told(random.Random(seed))
        _, asked, answer = (turn["content"] for turn in row["messages"])
        told, question, *lines = asked.split("\n")
        options = dict(line.split(". ", 1) for line in lines)
        thought, letter = answer.split("</think>")[0], answer.split("<answer>")[1][0]
        assert thought == f"<think>{told} {options[letter]} {letter}" and options[letter] in told
        assert question.endswith("?") and not row["videos"] and set(ORDERED) < set(options.values())
        said[options[letter]] += 1
    assert min(said.values()) > 10 and set(said) == set(ORDERED)


def test_look_ups_give_each_verb_the_letter_of_its_option() -> None:
    row = order_rows._look_up(random.Random(0))
    assert not row["videos"] and not row["images"]
    for asked, answered in zip(row["messages"][-4::2], row["messages"][-3::2], strict=True):
        options = dict(line.split(". ", 1)[::-1] for line in asked["content"].splitlines()[1:])
        assert set(options) <= {*ORDERED, *world.USES}
        said = answered["content"].split("\n")[0]
        assert all(f"{option} {options[option]}" == pair for pair in said.split(" , ")
                   for option in [pair.rpartition(" ")[0]])  # fmt: skip
