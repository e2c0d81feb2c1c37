"""The tools in veRL's own hands: its loader reads our file, its tool agent loop calls them."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from firsthand import clock
from firsthand.cli import app
from firsthand.memory.records import Record
from firsthand.memory.store import Store

pytest.importorskip("verl")

ROW = {"source": "A1_JAKE", "query_time": "DAY1_11500000"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A memory of one hour, tools over it, and veRL's file as the command writes it."""
    folder = tmp_path_factory.mktemp("verl")
    starts = [clock.plus(clock.parse("DAY1_11000000"), 600 * part) for part in range(6)]
    records = [
        Record("A1_JAKE", "10min", start, clock.plus(start, 600), f"cup {clock.stamp(start)}") for start in starts
    ]
    whole = Record("A1_JAKE", "1hour", starts[0], clock.plus(starts[0], 3600), "an hour with a cup")
    Store.build(folder / "memory.sqlite", [whole, *records])
    config = f"memory: {{store: {folder}/memory.sqlite}}\nstate: {folder}/state\ntools: {{rag: , terminate: }}\n"
    (folder / "tools.yaml").write_text(config)
    command = ["tools", "verl", str(folder / "tools.yaml"), "--out", str(folder / "verl.yaml")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="module")
def tools(files: Path) -> dict[str, Any]:
    from verl.tools.tool_registry import initialize_tools_from_config

    return {tool.name: tool for tool in initialize_tools_from_config(str(files / "verl.yaml"))}


def call(tools: dict[str, Any], name: str, arguments: str, create_kwargs: dict | None, **extra_fields: Any):
    """One call as veRL's loop makes it; also what it left in `extra_fields`."""
    from verl.experimental.agent_loop.tool_agent_loop import FunctionCall, ToolAgentLoop

    loop = object.__new__(ToolAgentLoop)  # its constructor wants a running engine
    loop.tools, loop.max_tool_response_length, loop.tool_response_truncate_side = tools, 4096, "right"
    agent_data = SimpleNamespace(extra_fields=extra_fields)
    kwargs = {} if create_kwargs is None else {name: {"create_kwargs": create_kwargs}}
    answer = asyncio.run(loop._call_tool(FunctionCall(name=name, arguments=arguments), kwargs, agent_data))
    return *answer, agent_data.extra_fields


SEARCH = '{"level": "hour", "keywords": ["cup"], "start_time": "DAY1_11000000"}'


def test_the_model_is_shown_the_schemas_of_the_tools(files, tools) -> None:
    from firsthand.tools.config import load

    expected = load(files / "tools.yaml").schemas()
    for schema in expected:
        shown = tools[schema["function"]["name"]].tool_schema.model_dump(exclude_unset=True, exclude_none=True)
        assert shown == without_none(schema)
    assert len(tools) == len(expected) == 2


def without_none(value: Any) -> Any:
    """veRL's own dump of a schema drops empty values (the default of an optional argument)."""
    if isinstance(value, dict):
        return {key: without_none(part) for key, part in value.items() if part is not None}
    return value


def test_a_call_sees_its_row_and_nothing_later(tools) -> None:
    response, reward, metrics, left = call(tools, "rag", SEARCH, ROW)
    assert response.text.startswith("DAY1_11") and response.image is None and reward == 0.0
    [entry] = left["tool_outcomes"]
    assert entry == metrics and (entry["tool"], entry["status"]) == ("rag", "ok")
    assert all(end <= clock.parse(ROW["query_time"]) for _, end in entry["spans"])
    assert call(tools, "rag", SEARCH, None, row=ROW)[0] == response


def test_a_mistake_of_the_model_is_told_apart_from_a_mistake_of_the_data(tools) -> None:
    later = SEARCH.replace("DAY1_11000000", "DAY1_12000000")
    words = [
        call(tools, "rag", arguments, row)[3]["tool_outcomes"][0]["status"]
        for arguments, row in [
            ('{"level": "year"}', ROW),
            (later, ROW),
            (SEARCH, {"source": "A1_JAKE"}),
            (SEARCH, None),
            (SEARCH, {**ROW, "source": "A2_ALICE"}),
        ]
    ]
    assert words == ["user_error", "blocked_by_time", "infra_error", "infra_error", "infra_error"]


def test_no_instance_is_left_behind(tools) -> None:
    for arguments in (SEARCH, "{}", "{"):
        call(tools, "rag", arguments, ROW)
    assert not tools["rag"]._rows


def test_a_tool_that_the_toolbox_lacks_is_named(files) -> None:
    from firsthand.errors import UserError
    from firsthand.tools.verl_adapter import Tool

    with pytest.raises(UserError, match=r"no tool 'vlm'; it has rag, terminate"):
        Tool({"type": "native", "toolbox": str(files / "tools.yaml"), "name": "vlm"})
