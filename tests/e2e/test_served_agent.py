"""An agent behind a real vLLM, started by the launcher, asked with its tools as a user would; and tools that see,
which ask the same server."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI
from PIL import Image

from firsthand import clock
from firsthand.files import write_jsonl, write_text
from firsthand.media.index import writing
from firsthand.memory.records import Record
from firsthand.memory.store import Store
from firsthand.question import Question
from firsthand.rollout.prompt import eval_row
from firsthand.serving.vllm_server import free_port
from firsthand.tools import config
from firsthand.tools.scope import Scope
from firsthand.tools.serve.server import Limits, build

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models/tiny_qwen3_vl"
START = clock.parse("DAY1_11000000")
SEEING = """
video: {folder}
state: {folder}/state
backends: {{seer: {{kind: openai, base_url: "{url}", model: {model}, max_tokens: 8}}}}
cassettes: {{mode: auto, folder: {folder}/cassettes}}
tools: {{video_llm: {{backend: seer, max_frames: 4, max_pixels: 4096}}, vlm: {{backend: seer, max_pixels: 4096}}}}
"""


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tools")
    ten = clock.parse("DAY1_10000000")
    text = "i put down the cup with my right hand in the kitchen ."
    Store.build(folder / "memory.sqlite", [Record("A1_JAKE", "10min", ten, ten + 600, text)])
    write_text(folder / "tools.yaml", f"memory: {{store: {folder / 'memory.sqlite'}}}\ntools: {{rag: , terminate: }}\n")
    return folder / "tools.yaml"


@pytest.fixture(scope="module")
def server(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The agent's URL; the tool server runs beside it, and both are gone afterwards."""
    port, beside = free_port(), free_port()
    log = (tmp_path_factory.mktemp("serve") / "log").open("w+")
    child = subprocess.Popen(
        [ROOT / "launch/serve_ego_r1.sh", MODEL, str(port)],
        env=os.environ | {"TOOLS": str(tools), "TOOLS_PORT": str(beside)},
        stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 550
        for url in (f"http://127.0.0.1:{port}/health", f"http://127.0.0.1:{beside}/health"):
            while not _answers(url):
                log.seek(0)
                assert child.poll() is None and time.monotonic() < deadline, log.read()[-3000:]
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
        child.send_signal(signal.SIGTERM)
        child.wait(60)
        assert not _answers(url)
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


def test_tool_choice_none_keeps_the_tools_in_the_prompt_and_calls_in_the_text(server: str, tools: Path) -> None:
    """`ChatPolicy` relies on both in the native dialect: the template describes the tools, the loop reads the calls."""
    from transformers import AutoTokenizer

    async def schemas() -> list[dict[str, Any]]:
        toolbox = config.load(tools)
        try:
            return toolbox.schemas()
        finally:
            await toolbox.close()

    functions = asyncio.run(schemas())
    client, tokenizer = OpenAI(base_url=f"{server}/v1", api_key="none"), AutoTokenizer.from_pretrained(MODEL)
    messages: list[Any] = [{"role": "user", "content": "where is the cup ?"}]
    same: Any = {"model": MODEL.name, "temperature": 0, "max_tokens": 4, "tools": functions, "tool_choice": "none"}

    asked = client.chat.completions.create(messages=messages, extra_body={"return_token_ids": True}, **same)
    text = tokenizer.apply_chat_template(messages, tools=functions, add_generation_prompt=True, tokenize=False)
    assert '"rag"' in text
    assert asked.model_dump()["prompt_token_ids"] == tokenizer(text, add_special_tokens=False).input_ids

    begun = '<think>x</think>\n<tool_call>\n{"name": "rag", "arguments": {}}\n</tool_call>'
    going_on = {"continue_final_message": True, "add_generation_prompt": False, "echo": True}
    said = client.chat.completions.create(
        messages=[*messages, {"role": "assistant", "content": begun}], extra_body=going_on, **same
    )
    assert not said.choices[0].message.tool_calls and begun in (said.choices[0].message.content or "")


@pytest.mark.parametrize("dialect", ["ego_r1", "native"])
def test_a_benchmark_as_a_user_runs_it(server: str, tools: Path, tmp_path: Path, dialect: str) -> None:
    rows = [
        Question(
            id=f"q{number}", question="in which room did i last put down the cup ?",
            options={"A": "garden", "B": "kitchen", "C": "office", "D": "bedroom"}, answer="B", style="ego_r1_brief",
            data_source="toy_agent", split="test", identity="A1_JAKE", query_time="DAY1_12000000",
            labels={"type": "TaskMaster", "target_time": "DAY1_10050000-DAY1_10050000"},
        )
        for number in range(4)
    ]  # fmt: skip
    write_jsonl(tmp_path / "rows.jsonl", map(eval_row, rows))
    command = [
        Path(sys.executable).with_name("firsthand"), "eval", "run", "toy_memory", "--agent", MODEL.name,
        "--server", server, "--tools", tools, "--questions", tmp_path / "rows.jsonl", "--out", tmp_path / "run",
        "--max-tokens", 48, "--turns", 3, "--dialect", dialect,
    ]  # fmt: skip
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    [found] = json.loads((tmp_path / "run/results.json").read_text())["runs"]
    assert found["episodes"] == 4 and sum(found["stops"].values()) == 4 and "error" not in found["stops"]
    assert found["tokens"][0] > 40 and found["tokens"][1] > 0 and found["settings"]["dialect"] == dialect


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Ten seconds of one colour a second."""
    with writing(tmp_path, {"fps": 1.0}) as index, index:
        folder, end = "A1_JAKE/clip", clock.plus(START, 9)
        values = (folder, "A1_JAKE", START, end, folder)
        index.execute("INSERT INTO videos VALUES (1, ?, 0, 0, ?, ?, ?, ?)", values)
        (tmp_path / folder).mkdir(parents=True)
        for second in range(10):
            moment = clock.plus(START, second)
            Image.new("RGB", (64, 64), (25 * second, 100, 50)).save(tmp_path / folder / f"{clock.stamp(moment)}.jpg")
            index.execute("INSERT INTO frames VALUES ('A1_JAKE', ?, ?, ?, 1)", (moment, START, float(second)))
    return tmp_path


def test_tools_that_see_over_vllm(server: str, store: Path, serve) -> None:
    (store / "tools.yaml").write_text(SEEING.format(folder=store, url=f"{server}/v1", model=MODEL.name))
    toolbox = config.load(store / "tools.yaml")
    tools = serve(build(toolbox, Scope.of("A1_JAKE", "DAY1_11000800"), Limits()))
    with httpx.Client(base_url=tools, timeout=120) as client:
        look = {"question": "Which room is it?", "timestamp": "DAY1_11000300"}
        watch = {"question": "What do I do?", "range": "DAY1_11000000-DAY1_11000800"}
        seen, watched = client.post("/vlm", json=look), client.post("/video_llm", json=watch)
        assert (seen.headers["x-outcome"], watched.headers["x-outcome"]) == ("ok", "ok"), seen.text + watched.text
        assert seen.json()["answer"] and seen.json()["exact_match"]
        assert watched.json()["answer"] and watched.json()["length"] == 8.0
        later = client.post("/vlm", json={**look, "timestamp": "DAY1_11000900"})
        assert later.headers["x-outcome"] == "blocked_by_time"
        again = client.post("/vlm", json=look)
    assert again.json() == seen.json() and toolbox.counters.events["vlm", "replayed"] == 1
