"""One question asked with its options in several orders, and the letter that all replies together give.

Models favour some letters over others. Rotating the options shows each at every letter; pairs ask for two at a time. A
reply gives shares to the options it was shown (all to the chosen one, or by the probabilities of the letters), and the
option with the largest mean share wins. A tie goes to the option that the earliest reply preferred. Without a readable
reply there is no answer.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

from firsthand.answers import extract_letter
from firsthand.evals.lenient import read_leniently
from firsthand.question import Question

if TYPE_CHECKING:
    from firsthand.llm.ask_many import Asked
    from firsthand.llm.client import Settings

Method = Literal["letter", "logprob", "pairwise"]
PROBABILITIES = {"logprobs": True, "top_logprobs": 20}  # of a request whose first token is read


@dataclass(frozen=True)
class Ballot:
    order: str  # the question's own letters in the order shown; the model sees A, B, ... instead
    shares: dict[str, float]  # own letter -> share; empty when the reply cannot be read


def orders(letters: str, method: Method, rotate: bool) -> list[str]:
    shown = ["".join(pair) for pair in combinations(letters, 2)] if method == "pairwise" else [letters]
    return [order[i:] + order[:i] for order in shown for i in range(len(order) if rotate else 1)]


def reordered(question: Question, order: str) -> Question:
    letters = list(question.options)[: len(order)]
    options = {letter: question.options[own] for letter, own in zip(letters, order, strict=True)}
    return question.model_copy(update={"options": options, "answer": None})


def own(output: str, letters: str, order: str, options: Mapping[str, str]) -> str | None:
    """The question's own letter of the option that a reply chose, whatever letter it had there."""
    said = extract_letter(output, _shown(letters, order, options))
    return order[letters.index(said)] if said else None


def _shown(letters: str, order: str, options: Mapping[str, str]) -> dict[str, str]:
    """The options as they stood in the prompt; one whose text is not known has none."""
    return dict(zip(letters, (options.get(letter, "") for letter in order), strict=False))


def read_again(outputs: Sequence[str], asked: Sequence[str], letters: str, options: Mapping[str, str]) -> str | None:
    """The vote of the lenient reader on the replies of a row."""
    ballots = []
    for output, order in zip(outputs, asked, strict=False):
        said = read_leniently(output, letters[: len(order)], _shown(letters, order, options))
        ballots.append(Ballot(order, {order[letters.index(said)]: 1.0} if said else {}))
    return decide(ballots, letters)[0]


def by_letter(output: str, letters: str, order: str, options: Mapping[str, str]) -> Ballot:
    """The whole share to the letter that the reply says."""
    chosen = own(output, letters, order, options)
    return Ballot(order, {chosen: 1.0} if chosen else {})


def by_probability(first_token: list[tuple[str, float]], letters: str, order: str) -> Ballot:
    """Shares by the probabilities of the letters as first token; other tokens do not count."""
    weights = dict.fromkeys(order, 0.0)
    for token, logprob in first_token:
        said = token.strip()
        if len(said) == 1 and said in letters[: len(order)]:
            weights[order[letters.index(said)]] += math.exp(logprob)
    total = sum(weights.values())
    return Ballot(order, {letter: weight / total for letter, weight in weights.items()} if total else {})


def decided(ballots: Sequence[Ballot], letters: str, asked: "Asked", settings: "Settings") -> dict[str, Any]:
    """The columns that every row with a decided letter begins with."""
    letter, shares = decide(ballots, letters)
    same = {"id": asked.id, "messages_sha256": asked.messages_sha256, "settings": settings.model_dump()}
    return {**same, "decided": True, "letter": letter, "shares": shares}


def decide(ballots: Sequence[Ballot], letters: str) -> tuple[str | None, dict[str, float]]:
    """The winning letter and the mean share of each."""
    means = {}
    for letter in letters:
        asked = [ballot.shares.get(letter, 0.0) for ballot in ballots if letter in ballot.order]
        means[letter] = round(sum(asked) / len(asked), 6)
    best = max(means.values(), default=0)
    if best == 0:
        return None, means
    for ballot in ballots:
        for letter in sorted(ballot.shares, key=ballot.shares.__getitem__, reverse=True):
            if means[letter] == best:
                return letter, means
    raise AssertionError("a positive mean comes from some ballot")
