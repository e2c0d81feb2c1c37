"""Rewards for answers in words: read from a picture (OCR), or in one's own words (free-form).

OCR pays 1 less the word error rate. Free-form pays the mean F of ROUGE-1, ROUGE-2 and ROUGE-L over stemmed words. The
measures are those of the libraries `jiwer` and `rouge-score`; both come with the extra `rewards`.

Strict and published (`_released`, as in Video-R1) differ in what they read: strict takes the last complete answer tag
and words of every script (a Chinese character counts as a word); the published code takes the first tag and words
of a to z and 0 to 9 only, so that a gold answer in Chinese can never be earned. It also counts the pairs of words of a
gold answer that is one word: the right answer earns two thirds.
"""

import re
from functools import cache, lru_cache
from typing import Any

from firsthand.reward_fns.parts import Parts, Sample, library, readable

PARTS = Parts()
_MEASURES = ("rouge1", "rouge2", "rougeL")
_IDEOGRAPH = "\u2e80-\u9fff\uf900-\ufaff"
_ANY_SCRIPT = re.compile(rf"[{_IDEOGRAPH}]|[^\W_{_IDEOGRAPH}]+")
_LATIN = re.compile(r"[a-z0-9]+")


@PARTS.part
def ocr(sample: Sample) -> float:
    """1 less the word error rate, and never less than 0."""
    return _words_right(sample.gold, sample.answer)


@PARTS.part
def ocr_released(sample: Sample) -> float:
    """1 less the word error rate of the first answer tag, as Video-R1's code reads it."""
    return _words_right(sample.gold, released_answer(sample.text))


@PARTS.part
def free_form(sample: Sample) -> float:
    """The mean F of ROUGE-1, ROUGE-2 and ROUGE-L over stemmed words of any script; of one word, without ROUGE-2."""
    words = _ANY_SCRIPT.findall(sample.gold)
    if not words:
        return sample.answer != "" and sample.answer == sample.gold
    scores = _scorer(_ANY_SCRIPT).score(sample.gold, sample.answer)
    return _mean_f(scores if len(words) > 1 else {name: scores[name] for name in ("rouge1", "rougeL")})


@PARTS.part
def free_form_released(sample: Sample) -> float:
    """The mean F of ROUGE-1, ROUGE-2 and ROUGE-L of the first answer tag, as Video-R1's code reads it."""
    return _mean_f(_scorer(_LATIN).score(sample.gold, released_answer(sample.text)))


@PARTS.part
def exact_released(sample: Sample) -> float:
    """1 where the first answer tag holds the gold answer, letter by letter: how Video-R1's code reads a choice."""
    return sample.gold != "" and released_answer(sample.text) == sample.gold


@PARTS.part
def no_text(sample: Sample) -> float:
    """1 without an answer in its tag."""
    return sample.answer == ""


def released_answer(text: str) -> str:
    """What stands in the first answer tag, whatever else is there; empty without one."""
    answer = text.partition("<answer>")[2].partition("</answer>")
    return readable(answer[0].strip()) if answer[1] else ""


def same_words(gold: str, answer: str) -> bool:
    """Case, white space and a full stop at the end do not matter."""
    return _said(gold) == _said(answer)


def _said(text: str) -> list[str]:
    return text.casefold().rstrip(".").split()


def _words_right(gold: str, answer: str) -> float:
    if not gold.split() or not answer.split():
        return 0.0
    return max(0.0, 1.0 - library("jiwer").wer(" ".join(gold.split()), " ".join(answer.split())))


def _mean_f(scores: dict[str, Any]) -> float:
    return sum(score.fmeasure for score in scores.values()) / len(scores)


@cache
def _scorer(words: re.Pattern[str]) -> Any:
    """ROUGE as the library measures it. Its own splitter stems every word anew, which takes most of its time."""
    stem = lru_cache(50_000)(library("nltk.stem.porter").PorterStemmer().stem)

    class Words:
        def tokenize(self, text: str) -> list[str]:
            return [stem(word) if 3 < len(word) < 50 else word for word in words.findall(text.lower())]

    return library("rouge_score.rouge_scorer").RougeScorer(_MEASURES, tokenizer=Words())
