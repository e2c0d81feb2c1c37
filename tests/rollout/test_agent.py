"""The loop of turns: what ends an episode, what the model reads, and that nothing a tool does can end it."""

import asyncio
import json

import pytest
from pydantic import BaseModel, ConfigDict

from firsthand.llm.faults import Unavailable
from firsthand.rollout.agent import LAST_TURN, NO_RESULT, Limits, Reply, run_episode
from firsthand.tools.protocol import BlockedByTime, Budget, Context, Outcome
from firsthand.tools.toolbox import Toolbox

CONTEXT = Context("A1_JAKE", 100000.0, budget=Budget(seconds=0.3))
ANSWER = "<think>x</think> <answer>B</answer>"


class Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")
    mode: str = "ok"


class Probe:
    """Does what its argument says."""

    name, description, arguments = "probe", "For tests.", Arguments

    async def run(self, arguments, context):
        if arguments.mode == "down":
            raise Unavailable("no server")
        if arguments.mode == "hang":
            await asyncio.sleep(30)
        if arguments.mode == "crash":
            raise ZeroDivisionError
        if arguments.mode == "future":
            raise BlockedByTime("that lies after the question")
        return Outcome("ok", f"seen by {context.source}", spans=((1.0, 2.0),))


class Script:
    """A policy that writes given turns; `fits` is how many observations it has room for."""

    def __init__(self, *turns, fits=99, cut=None):
        self.turns, self.fits, self.cut, self.heard = iter(turns), fits, cut, []
        self.written = 0

    async def generate(self):
        self.written += 1
        return Reply(next(self.turns), 5, cut=self.written == self.cut)

    async def append(self, message, images):
        if len(self.heard) >= self.fits:
            return False
        self.heard.append(message)
        return True


def call(mode="ok", name="probe", **more):
    return f"<think>x</think> <tool>{json.dumps({'name': name, 'arguments': {'mode': mode, **more}})}</tool>"


def run(script, dialect="ego_r1", **limits):
    return asyncio.run(run_episode(script, Toolbox([Probe()]), CONTEXT, dialect, "ABCD", Limits(**limits)))


def test_a_call_and_an_answer():
    script = Script(call(), ANSWER)
    trace = run(script)
    assert (trace.stop, trace.letter, trace.faults) == ("answer", "B", 0)
    assert script.heard == [{"role": "user", "content": "<information>seen by A1_JAKE</information>"}]
    assert trace.calls[0].spans == [(1.0, 2.0)] and trace.calls[0].status == "ok"
    json.dumps(trace.model_dump())


def test_the_native_dialect_has_its_own_turns():
    script = Script(call().replace("tool>", "tool_call>"), ANSWER)
    assert run(script, "native").letter == "B"
    assert script.heard == [{"role": "tool", "content": "seen by A1_JAKE"}]


@pytest.mark.parametrize(("mode", "status"), [("down", "infra_error"), ("crash", "infra_error"), ("hang", "timeout")])
def test_tools_that_are_down_do_not_end_an_episode_and_are_nobodys_fault(mode, status):
    script = Script(call(mode), ANSWER)
    trace = run(script)
    assert (trace.stop, trace.letter, trace.faults) == ("answer", "B", 1)
    assert trace.calls[0].status == status and NO_RESULT in script.heard[0]["content"]


def test_the_future_is_a_correction_and_no_fault():
    script = Script(call("future"), ANSWER)
    trace = run(script)
    assert trace.calls[0].status == "blocked_by_time" and trace.faults == 0
    assert "after the question" in script.heard[0]["content"]


@pytest.mark.parametrize("turn", ["hm", call(name="other"), call(more=1), "<think>x</think> <tool>{</tool>"])
def test_mistakes_get_a_correction_and_three_in_a_row_end_it(turn):
    script = Script(turn, turn, turn)
    trace = run(script, invalid=3)
    assert (trace.stop, trace.letter, len(trace.turns), len(script.heard)) == ("invalid", None, 3, 2)
    script = Script(turn, turn, call(), turn, turn, ANSWER)
    assert run(script, invalid=3).letter == "B"


def test_a_trace_says_which_tools_the_model_invented():
    trace = run(Script(call(), call(name="other"), call(more=1), ANSWER))
    assert [turn.invented for turn in trace.turns] == [False, True, False, False]


def test_the_last_turn_is_announced_and_has_no_tools():
    script = Script(call(), call(), call("crash"))
    trace = run(script, turns=3)
    assert (trace.stop, trace.letter, len(trace.turns)) == ("no_answer", None, 3)
    assert LAST_TURN not in script.heard[0]["content"] and LAST_TURN in script.heard[1]["content"]
    assert trace.calls[2].status is None, "the call of the last turn is not carried out"


def test_when_time_is_up_one_turn_without_tools_is_left():
    script = Script(call(), ANSWER)
    trace = run(script, seconds=0.0)
    assert (trace.stop, trace.letter) == ("answer", "B") and LAST_TURN in script.heard[0]["content"]
    trace = run(Script(call(), call("crash")), seconds=0.0)
    assert (trace.stop, len(trace.turns), trace.calls[1].status) == ("no_answer", 2, None)


def test_an_only_turn_has_no_tools():
    trace = run(Script(call("crash")), turns=1)
    assert (trace.stop, len(trace.turns), trace.calls[0].status) == ("no_answer", 1, None)


def test_a_turn_that_was_cut_is_no_answer_and_no_call():
    trace = run(Script(call(), call()[:20], cut=2))
    assert (trace.stop, trace.letter) == ("length", None)


def test_an_observation_that_does_not_fit_ends_the_episode_before_it_is_appended():
    script = Script(call(), call(), ANSWER, fits=1)
    trace = run(script)
    assert (trace.stop, len(script.heard), len(trace.turns)) == ("length", 1, 2)
