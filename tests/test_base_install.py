"""The base install, without any extra: agents, chains and tables work, and what needs more says which extra it is."""

import json
import re
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from firsthand import clock
from firsthand.files import write_jsonl, write_text
from firsthand.memory.records import Record
from firsthand.memory.store import Store
from firsthand.question import Question
from firsthand.rollout.prompt import eval_row

NEED_MORE = re.compile(
    r"firsthand\.(egoagent\.(?!commands$|settings$)|training\.|tools\.(serve\.(access|connection|mcp|metrics|routes|server)|verl_adapter)$)"
)
PROGRAM = """
import importlib, json, pkgutil, sys

class Missing:
    blocked = set(json.loads(sys.argv[1]))

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
import firsthand
from firsthand.cli import app
from typer.testing import CliRunner

done = []
for command in json.loads(sys.argv[2]):
    result = CliRunner().invoke(app, command)
    done.append([result.exit_code, result.output, repr(result.exception)])
failed = []
modules = [] if done else pkgutil.walk_packages(firsthand.__path__, "firsthand.", onerror=failed.append)
for module in modules:
    try:
        module.name.endswith("__main__") or importlib.import_module(module.name)
    except ModuleNotFoundError:
        failed.append(module.name)
print(json.dumps([done, failed]))
"""
EXPERT = """
from firsthand.rollout.agent import Reply

CALL = {call!r}

class Expert:
    def __init__(self, task):
        self.turns = iter([CALL, "<think>Found.</think> <answer>B</answer>"])
    async def generate(self):
        return Reply(next(self.turns), 0)
    async def append(self, message, images):
        return True
"""
CALL = {"name": "rag", "arguments": {"level": "day", "keywords": ["kettle"], "start_time": "DAY1_11000000"}}


def base_packages() -> set[str]:
    """Of setup.cfg's install_requires, with all that they require."""
    config = (Path(__file__).parents[1] / "setup.cfg").read_text()
    listed = config.partition("install_requires =")[2].partition("\n[")[0]
    todo, found = list(map(Requirement, listed.split())), set()
    while todo:
        one = todo.pop()
        if one.name not in found:
            found.add(one.name)
            inner = map(Requirement, metadata.requires(one.name) or [])
            extras = ("", *one.extras)
            todo += [
                more for more in inner if not more.marker or any(more.marker.evaluate({"extra": e}) for e in extras)
            ]
    return found


@pytest.fixture(scope="module")
def blocked() -> str:
    """Everything else that is installed here."""
    tops = {file.parts[0].partition(".")[0] for name in base_packages() for file in metadata.files(name) or ()}
    there = {path.name.partition(".")[0] for path in Path(sysconfig.get_path("purelib")).iterdir()}
    found = sorted(name for name in there - tops if name.isidentifier() and not name.startswith("__"))
    assert {"torch", "starlette", "mcp"} & set(found) and not {"pydantic", "firsthand"} & set(found)
    return json.dumps(found)


def run(blocked: str, folder: Path, *commands: list[Any]) -> tuple[list[tuple[int, str]], list[str]]:
    asked = json.dumps([list(map(str, command)) for command in commands])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, blocked, asked], cwd=folder, capture_output=True, text=True, check=True
    )
    results, failed = json.loads(done.stdout.splitlines()[-1])
    for code, output, error in results:
        assert code in (0, 1) and "ModuleNotFoundError" not in error, output + error
    return [(code, " ".join(output.split())) for code, output, _ in results], failed


def test_only_servers_and_frameworks_need_more(blocked: str, tmp_path: Path) -> None:
    _, failed = run(blocked, tmp_path)
    assert failed and [name for name in failed if not NEED_MORE.match(name)] == []


def test_every_help_page(blocked: str, tmp_path: Path) -> None:
    names = [
        "eval table",
        "eval run",
        "eval run egoschema",
        "cott stats",
        "cott filter",
        "cott generate",
        "chat",
        "view",
    ]
    done, _ = run(blocked, tmp_path, *([*name.split(), "--help"] for name in names))
    assert all(code == 0 and "Usage" in output for code, output in done)


def test_chains_tables_and_conversations(blocked: str, tmp_path: Path) -> None:
    """A teacher with a real tool, what is made of its chains, and agents as far as a server is needed."""
    start, end = clock.parse("DAY1_11000000"), clock.parse("DAY1_11100000")
    Store.build(tmp_path / "memory.sqlite", [Record("A1_JAKE", "1hour", start, end, "i put the kettle on the shelf")])
    write_text(tmp_path / "tools.yaml", "memory: {store: memory.sqlite}\ntools: {rag: , terminate: }\n")
    turn = f"<think>I search.</think> <tool>{json.dumps(CALL)}</tool>"
    write_text(tmp_path / "expert.py", EXPERT.format(call=turn))
    question = Question(
        id="q1", question="Where is it?", options={"A": "lost", "B": "on the shelf"}, answer="B", style="ego_r1",
        data_source="test", split="train", identity="A1_JAKE", query_time="DAY1_12000000",
    )  # fmt: skip
    write_jsonl(tmp_path / "questions.jsonl", [eval_row(question)])
    teacher = {"kind": "scripted", "factory": "expert.py:Expert"}
    config = {"questions": "questions.jsonl", "tools": "tools.yaml", "out": "run/episodes.jsonl", "teacher": teacher}
    write_text(tmp_path / "cott.yaml", yaml.safe_dump(config))
    write_text(tmp_path / "run/run.json", '{"benchmark": "ego_r1_bench"}')
    write_jsonl(tmp_path / "run/questions.jsonl", [eval_row(question)])
    chains = "run/episodes.jsonl"
    nobody = ["--agent", "a", "--server", "http://127.0.0.1:9", "--tools", "tools.yaml"]
    commands = {
        "1 chains now": ["cott", "generate", "cott.yaml"],
        "rag": ["cott", "stats", chains, "--html", "chains.html"],
        "1 kept": ["cott", "filter", chains, "--out", "good.jsonl"],
        "1 chains with 1 calls": ["cott", "convert", "good.jsonl", "--sft", "sft.json", "--rl", "rl.parquet"],
        "100.0": ["eval", "table", "run", "--out", "table"],
        "shelf": ["tools", "call", "tools.yaml", "rag", json.dumps(CALL["arguments"]), "--source", "A1_JAKE",
                  "--query-time", "end"],
        "1 trajectories": ["view", chains, "--out", "page.html"],
        "no server answers": ["chat", *nobody],
        "no server answers ": ["eval", "run", "ego_r1_bench", *nobody, "--questions", "questions.jsonl", "--out", "new",
                               "--retries", 0],
        "the extra `tools`": ["tools", "serve", "tools.yaml"],
        "the extra `tools` ": ["tools", "mcp", "tools.yaml", "--source", "A1_JAKE", "--query-time", "end"],
    }  # fmt: skip
    done, _ = run(blocked, tmp_path, *commands.values())
    for said, (_, output) in zip(commands, done, strict=True):
        assert said.strip() in output, output
    assert [code for code, _ in done] == [0] * 7 + [1] * 4
