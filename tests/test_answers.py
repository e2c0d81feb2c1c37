"""The extractor reads what is said and nothing that is not."""

import string
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.answers import extract_choice, extract_letter, has_format


@pytest.mark.parametrize(
    ("content", "letter"),
    [
        ("B", "B"),
        ("  B\n", "B"),
        ("B.", "B"),
        ("(B)", "B"),
        ("b", "B"),
        ("(b)", "B"),
        ("Ｂ", "B"),
        ("（Ｂ）", "B"),
        ("Ｂ。", "B"),
        ("\u3000B．", "B"),
        ("", None),
        (" ", None),
        ("E", None),
        ("AB", None),
        ("A, B", None),
        ("A B", None),
        ("(B", None),
        ("B)", None),
        ("B..", None),
        ("()", None),
        (".", None),
        ("B. the red cup", None),
        ("The answer is B", None),
        ("not A", None),
        ("\\boxed{B}", None),
        ("Ⓑ", None),
        ("1", None),
    ],
)
def test_content_of_the_answer_tag(content: str, letter: str | None) -> None:
    assert extract_choice(f"<think>A or C?</think><answer>{content}</answer>") == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", None),
        ("", None),
        ("The answer is B.", None),
        ("<answer>B", None),
        ("B</answer>", None),
        ("</answer>B<answer>", None),
        ("<Answer>B</Answer>", None),
        ("<answer>A</answer> no: <answer>C</answer>", "C"),
        ("<answer>A</answer> or <answer>maybe</answer>", None),  # the last one counts even when it says nothing
        ("<answer>A</answer> and then <answer>B", "A"),
        ("<think>I write <answer> tags</think><answer>D</answer>", "D"),
        ("<answer>A</answer></answer>", "A"),
        ("<answer>A<answer>B</answer></answer>", "B"),
    ],
)
def test_which_tag_counts(text: str, letter: str | None) -> None:
    assert extract_choice(text) == letter


def test_letters_limit_the_answer() -> None:
    assert extract_choice("<answer>E</answer>", "ABCDE") == "E"
    assert extract_choice("<answer>D</answer>", "AB") is None
    assert extract_choice("<answer>b</answer>", "ABb") == "b"
    assert extract_choice("<answer>ı</answer>", string.ascii_uppercase) is None
    assert extract_choice("<answer>ß</answer>", string.ascii_uppercase) is None


FRAGMENTS = [
    "<answer>",
    "</answer>",
    "<think>",
    "</think>",
    "A",
    "B",
    "b.",
    "(C)",
    "（",
    "Ｄ",
    "。",
    " ",
    "\n",
    "<",
    ">",
]
hostile = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), max_size=30).map("".join)


@given(hostile)
def test_never_raises_and_never_invents_a_letter(text: str) -> None:
    letter = extract_choice(text)
    assert letter is None or letter in "ABCD"
    if letter is not None:
        content = text.rpartition("</answer>")[0].rpartition("<answer>")[2].split("</answer>")[0].strip()
        assert [c for c in normalize("NFKC", content).upper() if c.isalnum()] == [letter]


@given(hostile, st.sampled_from("ABCD"))
def test_a_final_well_formed_answer_always_wins(before: str, letter: str) -> None:
    assert extract_choice(f"{before}<answer>{letter}</answer>") == letter


@given(hostile)
def test_a_formatted_text_has_exactly_one_answer_tag(text: str) -> None:
    if has_format(text):
        assert text.count("<answer>") == text.count("</think>") == 1
        assert text.strip().startswith("<think>") and text.strip().endswith("</answer>")


@pytest.mark.parametrize(
    "text",
    [
        "<think>why</think><answer>B</answer>",
        "\n<think>two\nlines</think>\n\n<answer>not a letter</answer>\n",
        "<think></think><answer></answer>",
        "<think>a < b > c <b>bold</b></think><answer>A</answer>",
    ],
)
def test_format(text: str) -> None:
    assert has_format(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<answer>B</answer>",
        "<think>why</think>",
        "<answer>B</answer><think>why</think>",
        "So: <think>why</think><answer>B</answer>",
        "<think>why</think> so <answer>B</answer>",
        "<think>why</think><answer>B</answer> done",
        "<think>a<think>b</think></think><answer>B</answer>",
        "<think>a <answer>A</answer></think><answer>B</answer>",
        "<think>why</think><answer>A</answer><answer>B</answer>",
        "<think>why</think><answer><think>B</think></answer>",
        "<think>why<answer>B</answer>",
        "<THINK>why</THINK><answer>B</answer>",
    ],
)
def test_no_format(text: str) -> None:
    assert not has_format(text)


@pytest.mark.timeout(20)  # a quadratic reader needs minutes here; nothing finer than that is asserted
@pytest.mark.parametrize(
    "unit",
    ["<answer>", "</answer>", "<think>", "<answer><", "<", " ", "<think></think>", "<answer> </answer", "(", "（"],
)
def test_a_hostile_megabyte_is_read_in_linear_time(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    assert extract_choice(text) is None
    assert extract_choice(f"{text}<answer>{text}") is None
    assert not has_format(text)
    assert not has_format(f"<think>{text}")


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        (" b.\n", "B"),
        ("B:", "B"),
        ("(C)", "C"),
        ("B. the red cup", "B"),
        ("B. the re", "B"),
        ("D: no cup, as far as I see", "D"),
        ("(A) a green one", "A"),
        ("C. the red cup", None),
        ("C. Smith wrote the label", None),
        ("A: Hello! How can I help you?", None),
        ('{"prediction": "C", "reason": "A and B are out"}', "C"),
        ('```json\n{"reason": "so", "prediction" : "d"}\n```', "D"),
        ("<think>B?</think><answer>C</answer>", "C"),
        ('<answer>no</answer> {"prediction": "A"}', None),
        ('{"prediction": "A or B"}', None),
        ("", None),
        ("E", None),
        ("A cup", None),
        ("AB", None),
        ("A. yes\nB. no", None),
        ("I think B", None),
        ("The answer is B.", None),
        ("A. B.", None),
        ("A: no. C: no.", None),
    ],
)
def test_a_bare_letter_where_the_prompt_asks_for_one(text: str, letter: str | None) -> None:
    options = {"A": "the green cup", "B": "the red cup", "C": "a pan", "D": "no cup"}
    assert extract_letter(text, options) == letter


def test_without_the_texts_of_options_a_bare_letter_alone_is_read() -> None:
    options = dict.fromkeys("ABCD", "")
    assert extract_letter("(B)", options) == "B" and extract_letter("B. the red cup", options) is None
