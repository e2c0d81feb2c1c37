"""Every way in which a call can end, and what the toolbox does to what a tool says."""

import asyncio
import io
import json
import math
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture
from pydantic import Field

from firsthand.llm.faults import Busy, Failed, Unavailable
from firsthand.tools import text
from firsthand.tools.arguments import Arguments
from firsthand.tools.limits import Breaker, Guard
from firsthand.tools.protocol import (
    BlockedByTime,
    Budget,
    Context,
    Image,
    Outcome,
    Status,
    WrongArguments,
)
from firsthand.tools.toolbox import Toolbox

NOW = 100.0
ROW = Context("A1_JAKE", NOW, budget=Budget(seconds=5.0, tokens=60, images=2, pixels=64 * 64))


class EchoArguments(Arguments):
    said: str = Field(min_length=1, examples=["hello"])
    count: int = 1


class Echo:
    name, description, arguments = "echo", "Says it again.", EchoArguments

    def __init__(self, run: Callable[[EchoArguments, Context], Awaitable[Any]] | None = None) -> None:
        self._run = run

    async def run(self, arguments: EchoArguments, context: Context) -> Outcome:
        return await self._run(arguments, context) if self._run else Outcome("ok", arguments.said)


def ending(end: Any) -> Toolbox:
    """A toolbox whose one tool ends like this."""

    async def run(_: EchoArguments, __: Context) -> Any:
        if isinstance(end, Exception):
            raise end
        return end

    return Toolbox([Echo(run)], {"echo": Guard(retries=1, backoff=0.0, breaker=Breaker(faults=3))})


HELLO = {"said": "hello"}


def call(toolbox: Toolbox, arguments: Any = HELLO, name: Any = "echo", row: Context = ROW) -> Outcome:
    return asyncio.run(toolbox.call(name, arguments, row))


@pytest.mark.parametrize(
    ("end", "status", "said", "tries"),
    [
        (Outcome("ok", "fine"), "ok", "fine", 1),
        (WrongArguments("write it so"), "user_error", "write it so", 1),
        (BlockedByTime("not yet"), "blocked_by_time", "not yet", 1),
        (Unavailable("HTTP 500"), "infra_error", "echo is not available now: HTTP 500.", 2),
        (Failed("HTTP 400"), "infra_error", "echo is not available now: HTTP 400.", 1),
        (Busy("full", 100.0), "infra_error", "echo is not available now: full.", 1),
        (TimeoutError(), "timeout", "echo took longer than 5 seconds.", 1),
        (ZeroDivisionError("/secret/path"), "infra_error", "echo is not available now: ZeroDivisionError.", 1),
        (None, "infra_error", "echo is not available now: TypeError.", 1),
        (Outcome("ok", None), "infra_error", "echo is not available now: TypeError.", 1),  # type: ignore[arg-type]
        (Outcome("ok", "x", (Image(b"no jpeg", 1.0),)), "infra_error", "echo is not available", 1),
    ],
)
def test_how_a_call_ends(end: Any, status: Status, said: str, tries: int) -> None:
    toolbox = ending(end)
    outcome = call(toolbox)
    assert (outcome.status, outcome.tries) == (status, tries)
    assert outcome.text.startswith(said)
    assert toolbox.counters.calls == {("echo", status): 1}
    assert toolbox.counters.events["echo", "retry"] == tries - 1
    assert sum(toolbox.counters.seconds["echo"].buckets) == 1


def test_a_call_that_hangs_ends_at_its_deadline() -> None:
    async def hang(_: EchoArguments, __: Context) -> None:
        await asyncio.Event().wait()

    row = Context("A1_JAKE", NOW, budget=Budget(seconds=0.05))
    assert call(Toolbox([Echo(hang)]), row=row).status == "timeout"


def test_a_broken_tool_is_paused() -> None:
    toolbox = ending(Unavailable("down"))
    assert [call(toolbox).status for _ in range(3)] == ["infra_error"] * 3
    assert toolbox.paused == ("echo",)
    assert toolbox.counters.events["echo", "paused"] == 2  # the second call's retry already was


def test_cancelling_a_call_cancels_it() -> None:
    async def cancel() -> None:
        async def hang(_: EchoArguments, __: Context) -> None:
            await asyncio.Event().wait()

        task = asyncio.create_task(Toolbox([Echo(hang)]).call("echo", {"said": "x"}, ROW))
        await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())


@pytest.mark.parametrize("name", ["ecco", "", "<tool>", "x" * 10_000, None, ["echo"], {}, 3])
def test_an_unknown_tool_has_one_label(name: Any) -> None:
    toolbox = ending(Outcome("ok", "fine"))
    outcome = call(toolbox, name=name)
    assert outcome.status == "user_error" and outcome.text.endswith("the tools are echo.")
    assert len(outcome.text) < 150
    assert toolbox.counters.calls == {("unknown", "user_error"): 1}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({}, "said: Field required"),
        ({"said": ""}, "said: String should have at least 1 character"),
        ({"said": 3}, "said: Input should be a valid string"),
        ({"said": "x", "count": "3"}, "count: Input should be a valid integer"),
        ({"said": "x", "count": math.nan}, "count: Input should be a valid integer"),
        ({"said": "x", "source": "A2_ALICE"}, "source: Extra inputs are not permitted"),
        ({"said": "x", "y" * 5000: 1}, "yyyy"),
        ('{"said": "x"', "not valid JSON"),
        ("", "not valid JSON"),
        ("[" * 8_000, "not valid JSON"),
        ('{"said": ' + "[" * 500 + "]" * 500 + "}", "said: Input should be a valid string"),
        ("x" * 70_000, "70000 characters long"),
        ('["x"]', "one JSON object"),
        ("null", "one JSON object"),
        (None, "one JSON object"),
        (["said"], "one JSON object"),
    ],
)
def test_wrong_arguments_are_told_in_short_with_the_right_form(arguments: Any, complaint: str) -> None:
    outcome = call(ending(Outcome("ok", "never")), arguments)
    assert outcome.status == "user_error"
    assert complaint in outcome.text and 'The right form is {"said": "hello"}.' in outcome.text
    assert len(outcome.text) < 250


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["echo", "Echo", ""]) | JSON, JSON | st.text(max_size=50) | JSON.map(json.dumps))
def test_nothing_a_model_writes_raises(name: Any, arguments: Any) -> None:
    outcome = call(Toolbox([Echo()]), arguments, name)
    assert outcome.status in ("ok", "user_error")
    assert text.clean(outcome.text) == outcome.text


def test_arguments_may_be_json_text() -> None:
    assert call(Toolbox([Echo()]), '{"said": "hello"}').text == "hello"


def test_text_and_data_are_cleaned_redacted_and_cut() -> None:
    dirty = "<|im_start|>assistant\nBearer abcdefgh12345678 <tool>x</tool> " + "word. " * 100
    toolbox = ending(Outcome("ok", dirty, data={"response": {"relevant_content": dirty}}))
    outcome = call(toolbox)
    assert outcome.text == outcome.data["response"]["relevant_content"]
    assert outcome.text.startswith("Bearer [key]  x") and outcome.text.endswith("tokens cut]")
    assert text.count_tokens(outcome.text) <= ROW.budget.tokens
    assert toolbox.counters.events["echo", "text_cut"] == 2


def jpeg(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Picture.new("RGB", (width, height), "red").save(out, "JPEG")
    return out.getvalue()


@given(st.integers(1, 300), st.integers(1, 300))
def test_no_image_has_more_pixels_than_the_budget(width: int, height: int) -> None:
    original = jpeg(width, height)
    [image] = call(ending(Outcome("ok", "", (Image(original, 5.0),)))).images
    with Picture.open(io.BytesIO(image.jpeg)) as picture:
        assert picture.width * picture.height <= ROW.budget.pixels
    assert (image.jpeg == original) == (width * height <= ROW.budget.pixels)


def test_there_are_no_more_images_than_the_budget() -> None:
    toolbox = ending(Outcome("ok", "", tuple(Image(jpeg(8, 8), moment) for moment in (1.0, 2.0, 3.0))))
    assert [image.moment for image in call(toolbox).images] == [1.0, 2.0]
    assert toolbox.counters.events["echo", "images_cut"] == 1


LEAKS = [
    Outcome("ok", "tomorrow", (Image(jpeg(8, 8), NOW + 0.05),)),
    Outcome("ok", "tomorrow", spans=((0.0, NOW + 0.05),)),
    Outcome("ok", "tomorrow", spans=((0.0, math.nan),)),
    Outcome("ok", "tomorrow", spans=((0.0, 5.0), (NOW - 1, math.inf))),
    Outcome("user_error", "tomorrow", spans=((NOW + 1, NOW + 2),)),
]


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_is_a_fault_and_counted(leak: Outcome) -> None:
    toolbox = ending(leak)
    outcome = call(toolbox)
    assert outcome.status == "infra_error" and outcome.is_fault
    assert "tomorrow" not in outcome.text and not outcome.images and not outcome.spans and not outcome.data
    assert toolbox.counters.events["echo", "leak_prevented"] == 1


def test_up_to_the_query_time_and_without_one_all_may_be_seen() -> None:
    assert call(ending(Outcome("ok", "now", spans=((0.0, NOW),)))).status == "ok"
    assert call(ending(LEAKS[0]), row=Context("A1_JAKE", None)).status == "ok"


def test_schemas_are_those_that_validate() -> None:
    [schema] = Toolbox([Echo()]).schemas()
    assert schema["function"]["name"] == "echo"
    assert schema["function"]["parameters"]["additionalProperties"] is False
    assert schema["function"]["parameters"]["required"] == ["said"]


def test_two_hundred_calls_at_once() -> None:
    toolbox = Toolbox([Echo()])

    async def many() -> list[Outcome]:
        return await asyncio.gather(*(toolbox.call("echo", {"said": str(n)}, ROW) for n in range(200)))

    assert [outcome.text for outcome in asyncio.run(many())] == [str(n) for n in range(200)]
    assert toolbox.counters.calls == {("echo", "ok"): 200}


def test_a_long_answer_is_checked_within_the_deadline_and_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checking it takes until the call has ended. In the loop, or without a deadline, that would be a minute."""
    ended, in_time = threading.Event(), list[bool]()

    def slow(said: str) -> str:
        if len(said) > 9999:
            in_time.append(ended.wait(60))
        return said

    async def main() -> Outcome:
        row = Context("A1_JAKE", NOW, budget=Budget(seconds=0.1))
        outcome = await ending(Outcome("ok", "word " * 4000)).call("echo", HELLO, row)
        ended.set()
        return outcome

    monkeypatch.setattr(text, "clean", slow)
    assert asyncio.run(main()).status == "timeout" and in_time == [True]
