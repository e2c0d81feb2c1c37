"""Metrics of texts, numbers, spans, boxes and interruptions; the expected values are worked out by hand."""

import math
import time

import pytest

from firsthand.errors import UserError
from firsthand.evals.metrics import rewarded, speak, text
from firsthand.evals.metrics.choice import EveryOrder, SameOption
from firsthand.evals.metrics.metric import check_libraries
from firsthand.evals.rows import Gold, Prediction
from firsthand.evals.score import score


def gold(answer: str, **more) -> Gold:
    return Gold(id="q", answer=answer, letters="", **more)


def said(output: str) -> Prediction:
    return Prediction(id="q", output=output)


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("a red cup", "a red cup"),
        ("<think>blue?</think> a red cup ", "a red cup"),
        ("<think>so</think><answer> a red cup</answer> I hope", "a red cup"),
        ("<answer>a</answer> no, <answer>b</answer>", "b"),
        ("<think>a red cup and so on", ""),  # cut off in its thought: nothing was said
        ("", ""),
    ],
)
def test_where_the_answer_in_words_stands(output: str, text: str) -> None:
    assert said(output).text == text


@pytest.mark.parametrize(
    ("metric", "right", "answer", "value"),
    [
        (text.EXACT, "a red cup", " A  red CUP.", 1.0),
        (text.EXACT, "a red cup", "red cup", 0.0),
        # three words in common and in order; of 4 said and 3 wanted: F = 2 * (3/4) * 1 / (7/4)
        (text.ROUGE_L, "the red cup", "the big red cup", 6 / 7),
        (text.ROUGE_L, "cup red", "red cup", 0.5),
        (text.ANLS, "stop", "shop", 0.75),
        (text.ANLS, "stop", "exit", 0.0),  # two of four letters stay at best: under a half
        # p1 = (2+1)/(2+1), p2 = (1+1)/(1+1); the answer is one word shorter: exp(1 - 3/2)
        (text.BLEU, "the red cup", "red cup", math.exp(-0.5)),
        # p1 = (1+1)/(2+1), p2 = (0+1)/(1+1), as long as the gold text
        (text.BLEU, "red cup", "blue cup", math.sqrt(2 / 3 * 1 / 2)),
        # all three words match in one chunk: F 1, penalty 0.5 * (1/3)^3
        (text.METEOR, "the red cup", "the red cup", 1 - 0.5 / 27),
        (text.METEOR, "cups", "cup", 0.5),  # by the stem; one chunk of one match: 1 - 0.5
        (text.METEOR, "automobile", "car", 0.0),  # a synonym: WordNet is never asked
        (rewarded.NUMBER, "3", "<think>1 2</think>3", 1.0),
        (rewarded.REGRESSION, "10", "<answer>8</answer>", 0.8),
        (rewarded.TIOU, "10-20", "from", None),
        (rewarded.TIOU, "10-20", "[15, 25]", 5 / 15),
        (rewarded.TIOU, "10-20", "30-40", 0.0),
        (rewarded.BOX_IOU, "[0, 0, 2, 2]", "[1, 0, 3, 2]", 2 / 6),
        (rewarded.POINT, "[0, 0, 2, 2]", "(1, 1)", 1.0),
        (rewarded.TRANSCRIPT, "no entry today", "no entry", 2 / 3),
        (rewarded.FORMULA, "1/2", "0.5", 1.0),
    ],
)
def test_values(metric, right: str, answer: str, value: float | None) -> None:
    assert metric.value(said(answer), gold(right)) == pytest.approx(value)


def test_nothing_said_is_unreadable_and_not_merely_wrong() -> None:
    found = score("m", {"q": said("<think>hm")}, {"q": gold("cup")}, metric=text.ROUGE_L)
    assert (found.n, found.correct, found.unparsed) == (1, 0, 1)


@pytest.mark.parametrize(
    ("kind", "right", "answer", "value"),
    [("numerical", "2.00", "2", 1.0), ("regression", "10", "9", 0.9), ("temporal grounding", "0-10", "0-5", 0.5)],
)
def test_the_type_of_a_problem_chooses_the_metric(kind: str, right: str, answer: str, value: float) -> None:
    assert rewarded.BY_TYPE.value(said(answer), gold(right, problem_type=kind)) == pytest.approx(value)


def test_a_library_that_is_missing_is_said_with_the_metric(monkeypatch) -> None:
    metric = text.Text("odd", lambda gold, said: 1.0, ("no_such_library",))
    with pytest.raises(UserError, match=r"the metric 'odd' needs no_such_library.*pip install 'firsthand\[rewards\]'"):
        check_libraries((metric,))


# -- several orders ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outputs", "every", "same"),
    [
        (["B", "A", "C"], 1, 1),  # B in each order
        (["A", "A", "A"], 0, 0),  # the letter, whatever stands there
        (["A", "C", "B"], 0, 1),  # always option A, which is wrong
        (["B", "A", "hm"], 0, 0),
        (["hm", "", "?"], None, None),
    ],
)
def test_rotations(outputs: list[str], every: int | None, same: int | None) -> None:
    answer = Prediction(id="q", output="", decided=True, outputs=outputs, orders=["ABC", "BCA", "CAB"])
    right = Gold(id="q", answer="B", letters="ABC")
    assert (EveryOrder().value(answer, right), SameOption().value(answer, right)) == (every, same)


# -- speak or stay silent ----------------------------------------------------------------------------------------------


def moments(*labels: str) -> dict[str, Gold]:
    words = {"S": "$silent$", "I": "$interrupt$ mind the step"}
    return {str(n): Gold(id=str(n), answer=words[label], letters="") for n, label in enumerate(labels)}


def test_macro_f1_is_over_all_moments() -> None:
    golds = moments("I", "I", "S", "S", "S")
    outputs = ["$interrupt$ hi", "$silent$", "  $interrupt$x", "whatever", ""]
    answers = {str(n): Prediction(id=str(n), output=output) for n, output in enumerate(outputs)}
    # spoke: 1 right, 1 wrong, 1 missed: F1 = 2/(2+2); silence: 2 right, 1 wrong, 1 missed: F1 = 4/(4+2)
    found = score("m", answers, golds, metric=speak.SPEAK_F1)
    assert found.accuracy == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert score("m", answers, golds, metric=speak.SPEAK_GEOMETRIC).accuracy == pytest.approx(math.sqrt(1 / 3))
    low, high = found.bootstrap
    assert 0 <= low < found.accuracy < high <= 1


def test_a_moment_without_an_answer_is_the_wrong_one() -> None:
    found = score("m", {}, moments("I", "S"), metric=speak.SPEAK_F1)
    assert (found.accuracy, found.missing) == (0.0, 2)


def test_the_label_history_alone() -> None:
    """Each session alternates; what follows a label is known from the other sessions, the first label is not."""
    sessions = [[True, False] * 3, [True, False] * 3]
    assert speak.by_history(sessions) == 1.0
    assert speak.by_history([[True, False, True]]) == 0.25  # no other session: silent throughout, 1 of 3 right


# -- time --------------------------------------------------------------------------------------------------------------


def test_ten_thousand_answers_are_scored_in_less_than_ten_seconds() -> None:
    words = [f"word{n}" for n in range(14)]
    golds = {str(n): gold(" ".join(words[n % 7 : n % 7 + 2 + n % 5]), group=str(n % 20)) for n in range(10_000)}
    answers = {key: said("<answer>" + " ".join(words[n % 5 : n % 5 + 6]) + "</answer>") for n, key in enumerate(golds)}
    start = time.process_time()
    for metric in (text.EXACT, text.ROUGE_L, text.METEOR, text.BLEU, text.ANLS):
        assert score("m", answers, golds, by=["group"], metric=metric).n == 10_000
    assert time.process_time() - start < 10
