"""Open answers against the gold text, by the measures that the field prints. All of them see words and no meaning.

The text of an answer is what stands in its answer tag, and without tags all that follows the thought. The measures are
those of the libraries `rouge-score`, `nltk` and `rapidfuzz` (extra `rewards`). Two differ from what papers print:

- METEOR has the stages of equal words and equal stems, and never that of synonyms. That one needs the data of WordNet,
  which no package brings along; with it on some machines only, two machines would print two numbers.
- BLEU is the mean over answers, smoothed as in the starter kit of Meta's Wearable AI challenge (1 is added to both
  counts). QAEgo4D prints sacreBLEU over all answers together.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from firsthand.evals.rows import Gold, Prediction
from firsthand.reward_fns.parts import library
from firsthand.reward_fns.texts import same_words

_WORDS = re.compile(r"\w+")


@dataclass(frozen=True)
class Text:
    """A measure of how near a text is to the gold one, from 0 to 1."""

    name: str
    measure: Callable[[str, str], float]  # of gold and answer
    libraries: tuple[str, ...] = ()
    needs_letters = False

    def value(self, answer: Prediction, gold: Gold) -> float | None:
        return self.measure(gold.answer, answer.text) if answer.text else None


def rouge_l(gold: str, said: str) -> float:
    """F of the longest common subsequence of words of a to z and 0 to 9, without stemming, as QAEgo4D prints it."""
    return float(_rouge().score(gold, said)["rougeL"].fmeasure)


def meteor(gold: str, said: str) -> float:
    wanted, words = _words(gold), _words(said)
    if not wanted or not words:
        return 0.0
    measure = library("nltk.translate.meteor_score").single_meteor_score
    return float(measure(wanted, words, stemmer=_Stems(), wordnet=_NoSynonyms()))


def bleu(gold: str, said: str) -> float:
    """BLEU of up to four words; of a shorter answer, of as many as it has."""
    wanted, words = gold.lower().split(), said.lower().split()
    if not wanted or not words:
        return 0.0
    score = library("nltk.translate.bleu_score")
    found = [score.modified_precision([wanted], words, n) for n in range(1, min(4, len(words)) + 1)]
    logs = [math.log((one.numerator + 1) / (one.denominator + 1)) for one in found]
    return float(score.brevity_penalty(len(wanted), len(words)) * math.exp(sum(logs) / len(logs)))


def anls(gold: str, said: str) -> float:
    """1 less the edit distance per character; under a half it is another answer, and worth nothing."""
    near = library("rapidfuzz.distance").Levenshtein.normalized_similarity(gold.lower().strip(), said.lower().strip())
    return float(near) if near >= 0.5 else 0.0


EXACT = Text("exact", lambda gold, said: float(same_words(gold, said)))
ROUGE_L = Text("ROUGE-L", rouge_l, ("rouge_score.rouge_scorer",))
METEOR = Text("METEOR", meteor, ("nltk.translate.meteor_score",))
BLEU = Text("BLEU", bleu, ("nltk.translate.bleu_score",))
ANLS = Text("ANLS", anls, ("rapidfuzz.distance",))
ALL = (EXACT, ROUGE_L, METEOR, BLEU, ANLS)


def _words(text: str) -> list[str]:
    return _WORDS.findall(text.lower())


@cache
def _rouge() -> Any:
    return library("rouge_score.rouge_scorer").RougeScorer(["rougeL"], use_stemmer=False)


@cache
def _stem(word: str) -> str:
    return str(_porter().stem(word))


@cache
def _porter() -> Any:
    return library("nltk.stem.porter").PorterStemmer()


class _Stems:
    def stem(self, word: str) -> str:
        return _stem(word)


class _NoSynonyms:
    """In the place of WordNet, whose data would have to be downloaded."""

    def synsets(self, word: str) -> tuple[()]:
        return ()
