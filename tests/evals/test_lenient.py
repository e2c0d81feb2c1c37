"""The lenient reader on a corpus of what models write, beside the strict one, and on hostile text."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from firsthand.answers import extract_choice, extract_letter
from firsthand.evals.lenient import read_leniently
from firsthand.evals.rows import Gold, Prediction
from firsthand.evals.score import score
from firsthand.evals.single_turn.votes import orders

from .reading_corpus import CORPUS, OPTIONS


@pytest.mark.parametrize(("kind", "text", "letter"), CORPUS)
def test_the_corpus_is_read_as_a_person_reads_it(kind: str, text: str, letter: str | None) -> None:
    assert read_leniently(text, "ABCD", OPTIONS) == letter


def test_the_corpus_is_large_and_no_strict_reader_gives_a_false_letter() -> None:
    assert len({text for _, text, _ in CORPUS}) >= 300 and min(Counter(kind for kind, *_ in CORPUS).values()) >= 5
    for _, text, letter in CORPUS:
        assert extract_choice(text) in (None, letter)
        assert extract_letter(text, OPTIONS) in (None, letter)


@pytest.mark.parametrize(
    ("text", "letters", "letter"),
    [
        ("The answer is E.", "ABCDE", "E"),
        ("E", "ABCD", None),
        ("The answer is D.", "AB", None),
        ("I think it is blue.", "ABCDEFGHI", None),
        ("I", "ABCDEFGHI", "I"),
        ("The answer is I.", "ABCDEFGHIJ", "I"),
        ("The answer is blue", "", None),
        ("B", "", None),
    ],
)
def test_the_letters_of_the_question_decide(text: str, letters: str, letter: str | None) -> None:
    assert read_leniently(text, letters) == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("3", "B"),
        ("Answer: 3", "B"),
        ("The answer is 2.5.", "D"),
        ("4", None),  # two options say so
        ("A: 4", "A"),
        ("B: 2.5", None),  # the letter of one option and the text of another
        ("The answer is B: 2.5", None),
        ("3, 2.5", None),
    ],
)
def test_the_text_of_exactly_one_option_is_an_answer(text: str, letter: str | None) -> None:
    assert read_leniently(text, "ABCD", {"A": "4", "B": "3", "C": "4", "D": "2.5"}) == letter


@pytest.mark.parametrize("text", [
    "The answer is A... wait, B", "Answer: A. Actually B.", "Answer: A→B", "The answer is B; or C", "The answer is A.B",
    "A. red cup B. blue plate C. spoon", "the red cup. the blue plate", "You could choose B", "Nobody said B is right",
    "B is right? no", "The answer is C++", "Answer: D-day", "1. A\n2. B", "Option B seems right but C is better",
    "The sign shows A. The cup shows B.", "Player A passes to player B.", "He got a B.", "A.M.", "U.S. A.",
])  # fmt: skip
def test_what_only_looks_like_an_answer_is_refused(text: str) -> None:
    assert read_leniently(text, "ABCD", OPTIONS) is None


UNITS = [
    "<answer>", "</answer>", "< answer", "<", " ", "\n", "(", "{", "*", "\\boxed{", "\\boxed{B}", "\\text{", "so ",
    "The answer is ", "the answer is B, ", "answer: the best option ", "B or ", "A, ", "A. ", "(A) ", "A.", "not ",
    "B. the blue plate\n", "the blue plate, ", "B is correct ", "'answer': '", '"answer": "B", ', '{"prediction": "',
    "选", "答案是", "<think>", "</think>", "<information>", "\nQuestion:", "B\n", "aaa. B", "probably ", "?", "->",
]  # fmt: skip


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kilobytes", [20, pytest.param(100, marks=pytest.mark.long)])
@pytest.mark.parametrize("unit", UNITS)
def test_hostile_text_is_read_in_linear_time(unit: str, kilobytes: int) -> None:
    def seconds(kilobytes: int) -> float:
        text, began = unit * (1000 * kilobytes // len(unit.encode())), time.process_time()
        read_leniently(text, "ABCD", OPTIONS)
        return time.process_time() - began

    once, twice = ([seconds(size) for _ in range(2)] for size in (kilobytes, 2 * kilobytes))
    assert min(twice) < 3 * max(once) + 0.05


def test_rewards_never_reach_the_lenient_reader() -> None:
    files = sorted(map(str, (Path(__file__).parents[2] / "reward_fns").glob("*.py")))
    code = f"import runpy, sys; [runpy.run_path(path) for path in {files}]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "firsthand.answers" in done.stdout and "firsthand.evals" not in done.stdout


def gold(answers: str) -> dict[str, Gold]:
    rows = [{"id": f"q{i}", "answer": answer, "options": OPTIONS} for i, answer in enumerate(answers)]
    return {str(row["id"]): Gold.model_validate(row) for row in rows}


def said(*outputs: str) -> dict[str, Prediction]:
    return {f"q{i}": Prediction(id=f"q{i}", output=output) for i, output in enumerate(outputs)}


def test_a_score_has_both_readers_and_says_what_only_one_read() -> None:
    outputs = said("<answer>B</answer>", "The answer is B.", "blue plate", "A or B", "<answer>A</answer>")
    found = score("m", outputs, gold("BBBBB"))
    assert (found.correct, found.unparsed) == (1, 3)
    assert found.lenient and (found.lenient.correct, found.lenient.unparsed) == (3, 1)
    assert found.only_lenient == 2


def test_where_nothing_more_is_read_the_lenient_score_is_the_strict_one() -> None:
    found = score("m", said("<answer>B</answer>", "A or B"), gold("BB"))
    assert found.lenient is None and found.leniently is found and found.only_lenient == 0


def test_an_old_row_of_a_vote_is_read_again_in_the_orders_of_its_ballots() -> None:
    settings = {"method": "letter", "rotate": True}
    replies = [f"The answer is {'ABCD'[order.index('B')]}." for order in orders("ABCD", "letter", True)]
    row = {"id": "q0", "output": replies[0], "outputs": replies, "settings": settings, "decided": True, "letter": None}
    [question] = gold("B").values()
    assert Prediction.model_validate(row).leniently(question).letter == "B"
    assert Prediction.model_validate(row | {"outputs": ["the blue plate"] * 4}).leniently(question).letter == "B"
    assert Prediction.model_validate(row | {"letter": "A"}).leniently(question).letter == "A"
