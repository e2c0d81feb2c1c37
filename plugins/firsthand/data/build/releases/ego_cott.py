"""Ego-CoTT: chains of tool calls, as one record a step or as the raw traces of their generation; ours are whole chains.

A record of a step repeats in `history` all that came before. So the last step of a chain is the chain, and the other
records are recognised as its beginnings and not written again; a step whose chain never ends is listed as dropped.
Ego-R1's own registration of this file names no columns, and LLaMA-Factory then drops `system` and `history`.

The assistant's turns are read by the reader of agents' turns and written by the one renderer, so that training shows
what the agent loop will accept. The release's own system prompt is kept aside in `release_system.txt`.
"""

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from firsthand import clock
from firsthand.data.build.options import split_text
from firsthand.data.build.release import Converter, LeftAside, Place
from firsthand.question import Question, Solved, Step
from firsthand.rollout.turn_text import Answer, Call, Invalid, read_action

SYSTEM_FILE = "release_system.txt"
_QUESTION = re.compile(r"(.*?)<timestamp>([^<]+)</timestamp>(.*)", re.DOTALL)
_INFORMATION = "<information>", "</information>"


class EgoCoTT(Converter):
    style, data_source = "ego_r1", "ego_r1"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.ends: set[int] = set()  # of the chains that were written
        self.beginnings: set[int] = set()  # of those chains
        self.open: dict[int, Place] = {}  # steps that are the end of no chain so far

    def pick(self, row: dict[str, Any], place: Place) -> dict[str, Any] | None:
        if "cot" in row:
            return row
        keys, key = [], 0
        for user, assistant in _turns(row):
            key = hash((key, user, assistant))
            keys.append(key)
        if "<answer>" not in row["output"]:
            self.open[key] = place
            return None
        if key in self.ends:
            raise LeftAside("the same chain as another record")
        self.ends.add(key)
        self.beginnings.update(keys)
        self._remember(row.get("system"))
        return row

    def convert(self, row: dict[str, Any], place: Place) -> Solved:
        if "cot" in row:
            return self._trace(row, place)
        return self._chain(_turns(row), f"{PurePosixPath(place.file).stem}-{place.row}")

    def finish(self) -> Iterator[tuple[Place, str]]:
        for key, place in self.open.items():
            if key not in self.beginnings:
                yield place, "no record holds the end of this chain"

    def _remember(self, system: str | None) -> None:
        if not isinstance(system, str | None):
            raise ValueError("`system` is not text")
        if not system:
            self.notes["the release's own system prompt is missing"] += 1
        elif self.texts.setdefault(SYSTEM_FILE, system) != system:
            self.notes[f"the release has another system prompt than that in {SYSTEM_FILE}"] += 1

    def _trace(self, row: dict[str, Any], place: Place) -> Solved:
        *calls, last = row["cot"]
        if "answer" not in last:
            raise LeftAside("the chain has no answer")
        if last["answer"] != row["ground_truth"]:
            raise LeftAside("the answer of the chain is wrong")
        steps = [
            Step(
                thought=step["thought"] or "",
                tool=step["tool"]["name"],
                arguments=json.loads(step["tool"]["arguments"]),
                observation=str(step["observation"]),
            )
            for step in calls
        ]
        question = self._asked(row["question"], last["answer"], place.named(row["ID"]))
        return Solved(question=question, steps=steps, thought=last["thought"] or "")

    def _chain(self, turns: list[list[str]], id: str) -> Solved:
        question = turns[0][0]
        if question.startswith(_INFORMATION[0]):
            raise ValueError("the record starts in the middle of a chain: its history is missing")
        *calls, answer = [_action(assistant, number) for number, (_, assistant) in enumerate(turns, 1)]
        if not isinstance(answer, Answer):
            raise ValueError("the last turn is not an answer")
        steps = [
            _step(call, user, number) for number, (call, (user, _)) in enumerate(zip(calls, turns[1:], strict=True), 1)
        ]
        asked = self._asked(question, answer.letter or answer.content, id)
        return Solved(question=asked, steps=steps, thought=_thought(answer.thought))

    def _asked(self, text: str, answer: str, id: str) -> Question:
        found = _QUESTION.fullmatch(text.strip())
        if not found:
            raise ValueError("the question has no <timestamp>")
        before, options = split_text(found[3].strip())
        if before or not options:
            raise ValueError("no options follow the <timestamp>")
        query_time = clock.stamp(clock.parse(found[2]))
        return self.question(id, found[1].rstrip(), options=options, answer=answer, query_time=query_time)


def _turns(row: dict[str, Any]) -> list[list[str]]:
    return [*(row.get("history") or []), [row["instruction"], row["output"]]]


def _action(assistant: str, number: int) -> Call | Answer:
    action = read_action(assistant, "ego_r1")
    if isinstance(action, Invalid):
        raise ValueError(f"turn {number}: {action.correction}")
    return action


def _step(call: Call | Answer, user: str, number: int) -> Step:
    """The call of a turn with what came back, which the user's next turn holds."""
    if not isinstance(call, Call):
        raise ValueError("an answer must be the last turn")
    opening, closing = _INFORMATION
    if not user.startswith(opening):
        raise ValueError(f"what follows turn {number} does not begin with {opening}")
    seen = user.removeprefix(opening).removesuffix(closing)
    return Step(thought=_thought(call.thought), tool=call.name, arguments=call.arguments, observation=seen)


def _thought(text: str) -> str:
    """A missing thought was printed as None."""
    return "" if text == "None" else text
