"""Every order of options gives the letter back to the option it belongs to."""

from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.evals.single_turn.votes import Ballot, by_letter, by_probability, decide, orders, reordered
from firsthand.question import Question

QUESTION = Question(
    id="q", question="?", options={"A": "cup", "B": "book", "C": "key", "D": "pen"}, answer="C",
    data_source="x", split="test",
)  # fmt: skip


def test_orders() -> None:
    assert orders("ABCD", "letter", False) == ["ABCD"]
    assert orders("ABCD", "logprob", True) == ["ABCD", "BCDA", "CDAB", "DABC"]
    assert orders("ABC", "pairwise", False) == ["AB", "AC", "BC"]
    assert orders("ABC", "pairwise", True) == ["AB", "BA", "AC", "CA", "BC", "CB"]


def test_options_are_shown_at_other_letters() -> None:
    assert reordered(QUESTION, "DA").options == {"A": "pen", "B": "cup"}


def test_a_model_that_knows_the_option_wins_in_every_way_of_asking() -> None:
    for method, rotate, known in product(("letter", "logprob", "pairwise"), (False, True), "ABCD"):
        ballots = []
        for order in orders("ABCD", method, rotate):
            shown = "ABCD"[order.index(known)] if known in order else "A"
            tokens = [(shown, -0.1), ("Z", -3.0), *((letter, -4.0) for letter in "ABCD" if letter != shown)]
            by_tokens = method != "letter"
            ballots.append(
                by_probability(tokens, "ABCD", order)
                if by_tokens
                else by_letter(shown, "ABCD", order, QUESTION.options)
            )
        assert decide(ballots, "ABCD")[0] == known, (method, rotate, known)


def test_a_model_that_always_says_a_wins_nothing_by_rotation() -> None:
    ballots = [by_letter("A", "ABCD", order, QUESTION.options) for order in orders("ABCD", "letter", True)]
    letter, shares = decide(ballots, "ABCD")
    assert set(shares.values()) == {0.25} and letter == "A"  # a tie: as it was first asked


def test_probabilities_of_all_spellings_of_a_letter_count() -> None:
    [ballot] = [by_probability([("A", -1.0), (" B", -1.2), ("B", -1.2), ("b", -0.1), ("AB", -0.1)], "ABCD", "ABCD")]
    assert decide([ballot], "ABCD")[0] == "B" and sum(ballot.shares.values()) == pytest.approx(1)


def test_replies_that_say_nothing_are_no_answer() -> None:
    assert decide([by_letter("I cannot tell", "ABCD", "ABCD", QUESTION.options)], "ABCD")[0] is None
    assert decide([by_probability([("The", -0.1)], "ABCD", "ABCD")], "ABCD")[0] is None
    assert by_letter("C", "ABCD", "AB", QUESTION.options).shares == {}, "a letter that was not shown"
    assert by_letter("A. the pen", "ABCD", "DABC", QUESTION.options).shares == {"D": 1.0}, (
        "by the text that stood there"
    )
    assert by_letter("A. the pen", "ABCD", "ABCD", QUESTION.options).shares == {}


@given(st.lists(st.tuples(st.sampled_from(["".join(p) for p in permutations("ABC")]), st.sampled_from("ABC?"))))
def test_the_winner_has_the_largest_mean_share(said: list[tuple[str, str]]) -> None:
    ballots = [by_letter(letter, "ABC", order, QUESTION.options) for order, letter in said]
    letter, shares = decide([*ballots, Ballot("ABC", {})], "ABC")
    assert (letter is None) == (not any(shares.values()))
    assert letter is None or shares[letter] == max(shares.values())
