"""A small training run and episodes, written by the classes that write real ones, with what a hostile model may say."""

import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from firsthand import clock, files
from firsthand.rollout.telemetry import Rollout, metrics_of
from firsthand.rollout.trace import Trace, Turn

OWN = "document.documentElement.dataset.owned = 1"
HOSTILE = (
    f'</script><script>{OWN}</script><img src=x onerror="{OWN}"><svg onload="{OWN}"></svg><!-- <script> ]]> '
    f"{{{{ 7 }}}} `${{{OWN}}}` \u2028 \ud800 \x00 \\u003cb\\u003e"
)
ASKED = clock.parse("DAY1_12000000")


def call(tool: str = "rag", status: str = "ok", seconds: float = 0.1, **more: Any) -> Turn:
    said = f'<think>I look.</think> <tool>{{"name": "{tool}", "arguments": {{}}}}</tool>'
    turn = Turn(text=said, tokens=12, action="call", tool=tool, observation=f"seen by {tool}", tool_seconds=seconds)
    turn.arguments, turn.status = {"level": "day", "keywords": ["cup"]}, status
    for name, value in more.items():
        setattr(turn, name, value)
    return turn


def answer(letter: str) -> Turn:
    text = f"<think>It is {letter}.</think> <answer>{letter}</answer>"
    return Turn(text=text, tokens=9, action="answer", seconds=0.5)


def rollout(key: str, *turns: Turn, right: bool = True, stop: Any = "answer", **facts: Any) -> Rollout:
    letter = "B" if turns and turns[-1].action == "answer" else None
    trace = Trace(turns=list(turns), stop=stop, letter=letter, seconds=1.5)
    parts = {"accuracy": float(right), "format": 1.0}
    known = {"id": key.split("_")[0], "identity": "A1_JAKE", "query_time": clock.stamp(ASKED), "label": "memory"}
    return Rollout(key, float(right), parts, trace, known | facts)


def groups_of(step: int) -> list[list[Rollout]]:
    """Two questions of two tries: one group has a signal, in the other all scores are the same."""
    look = call("video_llm", seconds=2.0 * step, spans=[(ASKED, clock.plus(ASKED, 30))])
    mixed = [
        rollout("a_0_0", call(), look, answer("B")),
        rollout("a_1_0", call(status="user_error"), answer("B"), right=False),
    ]
    same = [
        rollout(
            "b_0_0",
            Turn(text="no tags", tokens=3, action="invalid", observation="write tags"),
            stop="invalid",
            right=False,
        ),
        rollout("b_1_0", call(status="timeout"), stop="length", right=False, label="scene", identity="A2_ALICE"),
    ]
    return [mixed, same]


def training_run(folder: Path, steps: int = 3) -> Path:
    logged = []
    for step in range(1, steps + 1):
        groups = groups_of(step)
        rows = [one.as_row(step) for group in groups for one in group]
        files.write_jsonl(folder / f"traces/{step:06}.jsonl", rows)
        logged.append({"step": step, "data": {**metrics_of(groups), "actor/entropy": 1 / step}})
    files.write_jsonl(folder / "metrics/1.jsonl", logged)
    return folder


def episode(id: str, *turns: Turn, letter: str | None = "B", **more: Any) -> dict[str, Any]:
    trace = Trace(turns=list(turns), stop="answer" if letter else "no_answer", letter=letter, seconds=2.0)
    row = {"id": id, "question": f"What about {id}?", "options": {"A": "the kettle", "B": "the cup"}, "answer": "B"}
    row |= {"letter": letter, "correct": letter == "B", "identity": "A1_JAKE", "query_time": clock.stamp(ASKED)}
    return row | {"label": "memory", "trace": trace.model_dump()} | more


def hostile_episode() -> dict[str, Any]:
    bad = call(
        "rag", arguments={"__proto__": {"polluted": HOSTILE}, HOSTILE: HOSTILE}, observation=HOSTILE, text=HOSTILE
    )
    named = call(HOSTILE, "user_error", arguments={"constructor": 1e400})
    last = Turn(text=HOSTILE + "x" * 50_000, tokens=9, action="invalid", observation=HOSTILE)
    row = episode(HOSTILE, bad, named, last, letter=None, label=HOSTILE, identity=HOSTILE)
    return row | {"question": HOSTILE, "options": {"A": HOSTILE, "B": HOSTILE}, "parts": {HOSTILE: float("nan")}}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """As Python's json writes by default: lone surrogates as escapes, NaN as NaN."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def opened(page: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The index of a page, and every row as the page finds it: its place in its chunk, and the chunk's frames."""
    html = page.read_text(encoding="utf-8")
    scripts = dict(re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', html, re.DOTALL))
    index, rows = json.loads(scripts.pop("index")), []
    for number, start in enumerate(index["starts"]):
        text = scripts.get(f"chunk-{number}")
        if text is None:
            script = (page.parent / index["folder"] / f"{number:05}.js").read_text(encoding="utf-8")
            head = f'chunk("{index["build"]}",{number},'
            assert script.startswith(head) and script.endswith(");\n")
            text = script[len(head) : -3]
        content = json.loads(text)
        assert len(rows) == start
        rows += [row | {"pictures": content["frames"]} for row in content["rows"]]
    assert len(rows) == index["count"]
    return index, rows


@pytest.fixture(scope="session")
def sample() -> ModuleType:
    """This file: tests cannot import it."""
    return sys.modules[__name__]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return training_run(tmp_path / "run")
