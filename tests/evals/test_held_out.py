"""Both readers on the outputs of an author who had not seen them.

Their first scores, before anything was mended (n = 729): no false letter of the strict reader of tags, 2 of the one of
bare letters, 9 of the lenient one. All were mended, so the scores of today are no held-out measure any more.
"""

from collections import Counter

import pytest

from firsthand.answers import extract_choice, extract_letter
from firsthand.evals.lenient import read_leniently

from . import held_out_corpus, held_out_corpus_2, held_out_corpus_3

CASES = [
    (text, letter, part.OPTIONS[part.OPTIONS_OF[family]])
    for part in (held_out_corpus, held_out_corpus_2, held_out_corpus_3)
    for family, cases in part.CORPUS.items()
    for text, letter in cases
]
READERS = {
    "strict, bare": extract_letter,
    "strict": lambda text, options: extract_choice(text),
    "lenient": lambda text, options: read_leniently(text, "ABCD", options),
}


@pytest.mark.parametrize("reader", READERS)
def test_no_reader_gives_a_false_letter(reader: str) -> None:
    read = [(text, letter, READERS[reader](text, options)) for text, letter, options in CASES]
    assert not [one for one in read if one[2] not in (None, one[1])]


def test_how_much_they_read() -> None:
    """Most of these forms are odd on purpose, and the strict reader asks for the answer's tags."""
    with_a_letter = [case for case in CASES if case[1]]
    assert (len(CASES), len(with_a_letter)) == (729, 456)
    found = Counter(name for text, _, options in with_a_letter for name in READERS if READERS[name](text, options))
    assert found == {"strict": 14, "strict, bare": 34, "lenient": 256}
