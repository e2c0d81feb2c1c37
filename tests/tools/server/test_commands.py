"""`firsthand tools` as it is typed; the servers are processes of their own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from firsthand import clock
from firsthand.cli import app
from firsthand.memory.records import Record
from firsthand.memory.store import Store

SEARCH = {"level": "hour", "keywords": ["cup"], "start_time": "DAY1_11000000"}
ROW = ["--source", "A1_JAKE", "--query-time", "DAY1_11300000"]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tools")
    start = clock.parse("DAY1_11000000")
    Store.build(folder / "memory.sqlite", [Record("A1_JAKE", "10min", start, clock.plus(start, 600), "I wash a cup.")])
    (folder / "tools.yaml").write_text(
        f"memory: {{store: {folder}/memory.sqlite}}\nstate: {folder}/state\ntools: {{rag: , terminate: }}\n"
    )
    return str(folder / "tools.yaml")


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["tools", *arguments])
    return done.exit_code, done.output


def test_call(config: str) -> None:
    code, said = run("call", config, "rag", json.dumps(SEARCH), *ROW)
    assert code == 0 and "I wash a cup." in said and "ok after" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rag", "{}", *ROW], "user_error"),
        (["rag", json.dumps({**SEARCH, "start_time": "DAY1_11300001"}), *ROW], "blocked_by_time"),
        (["rag", json.dumps(SEARCH), "--source", "A1_JAKE"], "when was the question asked"),
        (["rag", json.dumps(SEARCH), "--source", "A1_JAKE", "--query-time", "noon"], "'noon' is not a time"),
    ],
)
def test_a_call_that_does_not_end_well_has_exit_code_1(config: str, arguments: list[str], says: str) -> None:
    code, said = run("call", config, *arguments)
    assert code == 1 and says in said and "Traceback" not in said


def test_list(config: str) -> None:
    code, said = run("list", config)
    assert code == 0 and [schema["function"]["name"] for schema in json.loads(said)] == ["rag", "terminate"]


def test_an_address_that_can_be_reached_from_outside_needs_a_token(config: str, monkeypatch) -> None:
    monkeypatch.delenv("FIRSTHAND_TOOLS_TOKEN", raising=False)
    code, said = run("serve", config, "--host", "0.0.0.0")
    assert code == 1 and "FIRSTHAND_TOOLS_TOKEN" in said


def test_serve_answers_until_it_is_told_to_end(config: str, tmp_path: Path) -> None:
    from firsthand.serving.vllm_server import free_port

    port, log = free_port(), tmp_path / "log"
    command = [sys.executable, "-m", "firsthand.cli", "tools", "serve", config, "--port", str(port), *ROW]
    with log.open("w") as output:
        token = {"FIRSTHAND_TOOLS_TOKEN": "a-secret-token"}
        server = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | token)
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": "Bearer a-secret-token"}
        ) as client:
            for _ in range(600):
                try:
                    client.get("/health")
                    break
                except httpx.TransportError:
                    assert server.poll() is None, log.read_text()
                    time.sleep(0.2)
            assert client.post("/query", json=SEARCH).json()["response"]["relevant_content"] == "I wash a cup."
            assert client.post("/query", json=SEARCH, headers={"Authorization": ""}).status_code == 401
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
    said = log.read_text()
    assert "Application shutdown complete" in said and "Traceback" not in said and "a-secret-token" not in said


def test_a_row_that_is_missing_is_asked_for_by_the_names_of_the_options(config: str) -> None:
    for command in (["call", config, "rag", json.dumps(SEARCH)], ["mcp", config, "--source", "A1_JAKE"]):
        code, said = run(*command)
        assert code == 1 and "give --source and --query-time" in said and "X-Source" not in said


def test_mcp_on_stdin_and_stdout(config: str, tmp_path: Path) -> None:
    from mcp.client import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    command = ["-m", "firsthand.cli", "tools", "mcp", config, *ROW]

    async def session() -> list[str]:
        server = StdioServerParameters(command=sys.executable, args=command)
        with (tmp_path / "log").open("w") as log:
            async with Client(stdio_client(server, errlog=log)) as client:
                names = [tool.name for tool in (await client.list_tools()).tools]
                for start in ("DAY1_11000000", "DAY2_11000000"):
                    result = await client.call_tool("rag", {**SEARCH, "start_time": start})
                    names.append(f"{result.is_error} {result.content[0].text}")
        return names

    rag, terminate, found, future = asyncio.run(session())
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert (rag, terminate) == ("rag", "terminate")
    assert found.startswith("False DAY1_11000000") and future.startswith("True ") and "has not happened yet" in future
