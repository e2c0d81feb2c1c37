"""Responses to a row that a reward can be tried with: one with the gold answer, three with a wrong one."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from firsthand.question import letters_of
from firsthand.reward_fns.grounding import box
from firsthand.reward_fns.numeric import number
from firsthand.reward_fns.parts import Sample
from firsthand.rollout.trace import Trace, Turn
from firsthand.rollout.turn_text import Answer, read_action

THOUGHT = "I look at what is asked."
FORMS = (  # how recipes want an answer, the usual one first
    "<think>{thought}</think>\n<answer>{answer}</answer>",
    "<think>{thought}</think>\n<answer>{answer}</answer>\n<object>cup</object>",
    "<answer>{answer}</answer>",
    "{answer}",
)
PLAIN_LOOPS = (None, "", "single_turn_agent", "tool_agent")  # agent loops without a trace
# Nobody's gold answer: far away in time and space, or no words at all.
WRONG = {
    "temporal grounding": ["900000-900001", "999998.5-999999"],
    "spatial grounding": ["[900000, 900000, 900001, 900001]", "[-9, -9, -8, -8]"],
    "pointing": ["[900000, 900000]", "[-9, -9]"],
}
NO_WORDS = ["zqx vvk", "wkj"]


class Example(NamedTuple):
    """What a reward needs to know of a row."""

    data_source: str
    truth: Any
    info: Mapping[str, Any]
    traced: bool = False  # it is asked to an agent, whose reward reads a trace

    @property
    def sample(self) -> Sample:
        return Sample("", self.truth, self.info)

    @property
    def gold(self) -> str:
        """The answer that is right: of a box that is pointed at, its middle."""
        sample = self.sample
        if sample.kind == "pointing" and (found := box(sample.gold)):
            return f"[{(found[0] + found[2]) / 2}, {(found[1] + found[3]) / 2}]"
        return sample.gold

    @property
    def wrong(self) -> list[str]:
        """Three answers that no reading takes for the right one; the last of them is none."""
        sample, letters = self.sample, letters_of(self.info)
        if sample.kind == "multiple choice":
            others = [letter for letter in letters if letter != sample.gold]
            return [*(others + NO_WORDS)[:2], ""]
        if (value := number(sample.gold)) is not None:
            return [_like(value + abs(value) + 7, sample.gold), _like(value - 2 * abs(value) - 9, sample.gold), ""]
        return [*WRONG.get(sample.kind, NO_WORDS), ""]

    def given(self, text: str) -> dict[str, Any]:
        """`extra_info` of this response. Nothing may be asked of a server."""
        return {**self.info, "without_model": True, **({"trace": trace_of(text, self.info)} if self.traced else {})}


def of_row(row: Any, loop: Any = None) -> Example:
    """A row of veRL; ValueError where it has no answer. `loop` is the agent loop of rows that name none."""
    if not isinstance(row, dict) or not isinstance(row.get("reward_model"), dict):
        raise ValueError("reward_model is missing: this is not a row of veRL")
    if (truth := row["reward_model"].get("ground_truth")) is None or truth == "":
        raise ValueError("reward_model.ground_truth is missing: this row has no answer to learn from")
    traced = (row.get("agent_name") or loop) not in PLAIN_LOOPS
    example = Example(str(row.get("data_source")), truth, row.get("extra_info") or {}, traced)
    example.given("".join(example.wrong))  # whatever its values are, they are looked at here first
    return example


def trace_of(text: str, info: Mapping[str, Any]) -> dict[str, Any]:
    """The trace of an agent that wrote this text as its only turn."""
    action = read_action(text, "native" if "<tool_call>" in text else "ego_r1", letters_of(info))
    answered = isinstance(action, Answer)
    turn = Turn(text=text, action=type(action).__name__.lower())
    letter = action.letter if isinstance(action, Answer) else None
    return Trace(turns=[turn], stop="answer" if answered else "no_answer", letter=letter).model_dump()


def _like(value: float, gold: str) -> str:
    """A number written as the gold answer is: some readers want a decimal mark on both sides, or on none."""
    return f"{value:.2f}" if "." in gold or "," in gold else f"{value:.0f}"
