"""The official client of MCP against our server, over HTTP in both of its generations."""

import asyncio
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from firsthand.tools.scope import Scope
from firsthand.tools.serve.mcp import OUTCOME
from firsthand.tools.serve.server import Limits, build

SAYS = {"X-Source": "A1_JAKE", "X-Query-Time": "DAY3_12000000"}
LOOK = {"question": "what", "timestamp": "DAY1_11210217"}


@pytest.fixture
def url(serve, toolbox) -> str:
    return serve(build(toolbox, Scope(), Limits()))


def calls(url: str, *asked: tuple[str, dict], says: dict[str, str] | None = None, mode: str = "auto") -> list[Any]:
    async def run() -> list[Any]:
        async with (
            httpx2.AsyncClient(headers=says or {}) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode) as client,
        ):
            return [await client.call_tool(*one) for one in asked]

    return asyncio.run(run())


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_tools_are_listed_with_the_schemas_that_models_are_shown(url, toolbox, mode: str) -> None:
    async def listed() -> list[Any]:
        async with Client(f"{url}/mcp", mode=mode) as client:
            return (await client.list_tools()).tools

    assert [(tool.name, tool.description, tool.input_schema) for tool in asyncio.run(listed())] == [
        tuple(schema["function"][key] for key in ("name", "description", "parameters")) for schema in toolbox.schemas()
    ]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_call_is_answered_for_the_row_of_the_headers(url, mode: str) -> None:
    [result] = calls(f"{url}/mcp", ("vlm", LOOK), says=SAYS, mode=mode)
    assert not result.is_error and result.content[0].text == "vlm of A1_JAKE at DAY3_12000000"
    assert result.meta[OUTCOME]["status"] == "ok"


def test_a_call_is_answered_for_the_row_of_the_path(url) -> None:
    [result] = calls(f"{url}/A2_ALICE@DAY1_10000000/mcp", ("vlm", LOOK))
    assert result.content[0].text == "vlm of A2_ALICE at DAY1_10000000"


def test_images_come_as_images(url) -> None:
    [result] = calls(f"{url}/mcp", ("vlm", {**LOOK, "question": "picture"}), says=SAYS)
    text, image = result.content
    assert (text.type, image.type, image.mime_type) == ("text", "image", "image/jpeg")


def test_every_end_is_a_result_and_none_breaks_the_session(url) -> None:
    asked = [("vlm", {**LOOK, "question": end}) for end in ("wrong", "future", "down", "what")]
    results = calls(f"{url}/mcp", *asked, ("vlm", {"question": 1}), ("rm", {"path": "/"}), says=SAYS)
    words = [result.meta[OUTCOME]["status"] for result in results]
    assert words == ["user_error", "blocked_by_time", "infra_error", "ok", "user_error", "user_error"]
    assert [result.is_error for result in results] == [word != "ok" for word in words]


def test_without_a_row_the_program_gets_an_error_and_the_model_nothing(url, toolbox) -> None:
    with pytest.RaisesGroup(
        pytest.RaisesExc(MCPError, match="whose week"), allow_unwrapped=True, flatten_subgroups=True
    ):
        calls(f"{url}/mcp", ("vlm", LOOK))
    assert not toolbox.counters.calls


def test_the_server_says_its_version(url) -> None:
    async def named() -> str:
        async with Client(f"{url}/mcp", mode="legacy") as client:
            return client.server_info.version

    assert asyncio.run(named())
