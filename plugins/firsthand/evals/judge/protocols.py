"""Protocols of judges: what the judge is asked, and how its reply is read.

Marks and scales are those that the benchmarks publish. The words of the prompts are ours, so a mark here and one in a
paper come from different prompts, and mostly from different judges. A reply that cannot be read is no verdict: it is
never a 0, as in EgoTextVQA's and Wearable AI's code, nor a -1 in the mean, as in EgoThink's.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from firsthand.evals.lenient import after_thought
from firsthand.evals.rows import Gold, Prediction
from firsthand.llm.messages import Message
from firsthand.reward_fns.judge import PROMPT, WORTH
from firsthand.reward_fns.texts import same_words

if TYPE_CHECKING:  # `firsthand eval list` needs no client, whose import takes a second
    from openai import AsyncOpenAI

    from firsthand.llm.client import Settings

Verdict = dict[str, float]  # what a judge says, by name; each from 0 to 1
_PROMPTS = Path(__file__).parent / "prompts"
_YES = re.compile(r"""['"]pred['"]\s*:\s*['"](yes|no)['"]""", re.IGNORECASE)
_OF_FIVE = re.compile(r"""['"](?:score|mark)['"]\s*:\s*['"]?([0-5])(?:\.0)?['"]?\s*[,}]""")
_BRACKETS = re.compile(r"\[\[(\d\.?\d*)\]\]|\[(\d\.?\d*)\]")
_NUMBER = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?|\.\d+)")


@dataclass(frozen=True)
class Protocol:
    name: str
    marks: tuple[str, ...]  # names of what a verdict says, the one that counts first
    reader: Callable[[str], Verdict | None]  # of a reply without its thought
    right_if_contained: bool = False  # an answer with the gold text in it is right, and no judge is asked
    published: bool = True  # or ours
    field: ClassVar[str] = "messages"  # of a request, with what is asked

    def read(self, output: str) -> Verdict | None:
        """A mark in a thought is none, also in one that was cut off."""
        return self.reader(after_thought(output))

    def asked(self, question: str, gold: str, said: str) -> list[Any]:
        return [message.model_dump() for message in self.messages(question, gold, said)]

    async def send(self, client: "AsyncOpenAI", asked: list[Any], settings: "Settings") -> str:
        from firsthand.llm.client import complete

        return (await complete(client, {self.field: asked}, settings)).output

    def messages(self, question: str, gold: str, said: str) -> list[Message]:
        asked = {"question": question, "right answer": gold, "answer to grade": said}
        system = (_PROMPTS / f"{self.name}.txt").read_text().strip() if self.published else _house_prompt()
        return [
            Message(role="system", content=system),
            Message(role="user", content=json.dumps(asked, ensure_ascii=False)),
        ]

    def by_rule(self, gold: str, said: str) -> Verdict | None:
        """Right where words alone say it, and worth nothing where nothing was said; None: only a judge can tell."""
        if not said:
            return dict.fromkeys(self.marks, 0.0)
        contained = self.right_if_contained and gold.casefold() in said.casefold()
        return dict.fromkeys(self.marks, 1.0) if contained or same_words(gold, said) else None


class Judged:
    """A metric whose scores come from verdicts, one column for each judge. Without a verdict there is no score."""

    needs_letters = False

    def __init__(self, protocol: Protocol) -> None:
        self.protocol, self.name = protocol, f"judge ({protocol.name})"

    def value(self, answer: Prediction, gold: Gold) -> float | None:
        return (answer.verdict or {}).get(self.protocol.marks[0])


def _of_egotextvqa(said: str) -> Verdict | None:
    yes, score = _YES.findall(said), _OF_FIVE.findall(said)
    return {"yes": float(yes[-1].lower() == "yes"), "score of 5": int(score[-1]) / 5} if yes and score else None


def _of_egothink(said: str) -> Verdict | None:
    found = _BRACKETS.findall(said)
    double = [mark for mark, _ in found if mark] or [mark for _, mark in found]
    return {"mark": float(double[-1])} if double and float(double[-1]) in (0, 0.5, 1) else None


def _of_egocross(said: str) -> Verdict | None:
    found = _OF_FIVE.findall(said)
    return {"mark of 4 or 5": float(int(found[-1]) >= 4), "mark of 5": int(found[-1]) / 5} if found else None


def _of_egoconv(said: str) -> Verdict | None:
    """The first number, as its starter kit reads it: from 0.75 on right, from 0.25 on half right."""
    if not (found := _NUMBER.search(said)):
        return None
    mark = float(found[1])
    return {"mark": 1.0 if mark >= 0.75 else 0.5 if mark >= 0.25 else 0.0}


def _of_words(said: str) -> Verdict | None:
    word = said.strip().strip('".*').casefold()
    return {"mark": WORTH[word]} if word in WORTH else None


def _house_prompt() -> str:
    names = list(WORTH)
    return PROMPT.read_text().strip().format(names=", ".join(names), best=names[0])


EGOTEXTVQA = Judged(Protocol("egotextvqa", ("yes", "score of 5"), _of_egotextvqa))
EGOTHINK = Judged(Protocol("egothink", ("mark",), _of_egothink))
EGOCROSS = Judged(Protocol("egocross", ("mark of 4 or 5", "mark of 5"), _of_egocross, right_if_contained=True))
EGOCONV = Judged(Protocol("egoconv", ("mark",), _of_egoconv))
JUDGE = Judged(Protocol("firsthand", ("mark",), _of_words, published=False))  # asks as our judge reward does
ALL = (EGOTEXTVQA, EGOTHINK, EGOCROSS, EGOCONV, JUDGE)
