"""What is in the way of an output: files of others, our own half rows, a full disk, and the input itself."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Ended, Run, contents, write
from .formats import CONTENT, DEAD, EPISODE, EVAL, FORMATS, KINDS, RECORD, ROLLOUT, TEMPLATE, files_of, numbered

FOREIGN = {kind: content for kind, content in CONTENT.items() if content.strip() and kind != "half a row"} | {
    "text": b"# Notes\nDo not lose me.\n",
    "a minified object": b'{"precious": [1, 2, 3]}',
    "a row of others": b'{"id": "1", "text": "mine"}',
    "a table": b"id,answer\n1,A\n",
    "a list over lines": json.dumps([EVAL, EVAL], indent=1).encode(),
    "questions": json.dumps(EVAL).encode(),
    "an episode of training": json.dumps(ROLLOUT).encode() + b"\n",
    "a memory": b"SQLite format 3\0" + bytes(range(256)) * 20,
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "a script": b"#!/bin/sh\nexit 1\n",
}
ASK = f"eval ask q.jsonl --server {DEAD} --model m --out OUT --retries 0"
GUESS = f"cott filter c.jsonl --out good.jsonl --guess-server {DEAD} --guess-model m --guesses OUT"


@pytest.mark.parametrize(("command", "kinds"), [
    pytest.param(ASK, [*FOREIGN], id="ask"),
    pytest.param(GUESS, ["text", "questions"], id="guess"),
    pytest.param(GUESS, [*FOREIGN], id="guess, all", marks=pytest.mark.long),
])  # fmt: skip
def test_a_file_of_others_is_not_touched(run: Run, command: str, kinds: list[str]) -> None:
    """`run` looks whether any of the files has changed. Each is tried as it is, and without its last byte, unless that
    leaves what half a row of ours looks like. Both commands write the same log."""
    asked = {"q.jsonl": EVAL, "c.jsonl": EPISODE}
    for kind in kinds:
        content = FOREIGN[kind]
        for cut in (content,) if content.startswith(b'{"id": "') else (content, content[:-1]):
            done = run({**asked, "OUT": cut}, command)
            assert done.code == 1 and "OUT" in done.output, f"{kind}: {done.output}"
    for kind, make in KINDS.items():
        done = run(asked, command, lambda folder, make=make: make(folder / "OUT"))
        assert done.code == 1 and "OUT: cannot be written" in done.output, kind


@pytest.mark.parametrize("tail", ['{"id": "2", "messages_sha', '{"id"', "{", '{"id": "2"'])
def test_half_a_row_of_ours_is_moved_aside(tmp_path: Path, tail: str) -> None:
    from firsthand.llm.row_log import RowLog

    path, row = tmp_path / "out.jsonl", {"id": "1", "messages_sha256": "x", "settings": {}, "output": "é"}
    for times in (1, 2):
        path.write_text(json.dumps(row, ensure_ascii=False) + "\n" + tail)
        with RowLog(path) as log:
            assert log.torn and list(log.rows) == ["1"]
            log.append(row | {"id": "2", "output": "\ud800"})
        assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["1", "2"]
        assert (tmp_path / "out.jsonl.torn").read_text() == (tail + "\n") * times


SELF = {
    "view c.jsonl --out c.jsonl": {"c.jsonl": EPISODE},
    "view run --out run/traces/1.jsonl": {"run/traces/1.jsonl": ROLLOUT},
    "cott stats c.jsonl --html c.jsonl": {"c.jsonl": EPISODE},
    "cott filter c.jsonl --out ./c.jsonl": {"c.jsonl": EPISODE},
    "cott convert c.jsonl --sft c.jsonl": {"c.jsonl": EPISODE},
    "data show rows.jsonl 1 --model none/there --html rows.jsonl": {"rows.jsonl": EVAL},
    "memory import m --out m/A1_JAKE_30s.json": {"m/A1_JAKE_30s.json": [RECORD]},
    "submit egocross p.json --template t.json --out t.json": {"t.json": TEMPLATE, "p.json": [{"id": 4, "answer": "A"}]},
    "report build run --out run/report.json": files_of("report", [json.dumps(FORMATS["report"].row)]),
    "tools verl t.yaml --out t.yaml": files_of("tools", [json.dumps(FORMATS["tools"].row)]),
}


@pytest.mark.parametrize("words", SELF)
def test_what_is_read_is_not_written_over(run: Run, words: str) -> None:
    assert run(SELF[words], words).code == 1


FULL = [name for name, format in FORMATS.items() if "out" in format.words or "sft" in format.words]


@pytest.mark.parametrize("name", FULL)
@pytest.mark.parametrize("most", [0, pytest.param(60, marks=pytest.mark.long)])
def test_a_full_disk_leaves_the_old_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk_full: Callable[..., Ended], name: str, most: int
) -> None:
    format, rows = FORMATS[name], [json.dumps(numbered(name, number)) for number in range(3)]
    old = {out: b"old" for out in ("page.html", "sft.json", "good.jsonl", "out/manifest.json") if out in format.words}
    for file, content in {**files_of(name, rows[:1] if "run" in format.file else rows), **old}.items():
        write(tmp_path / file, content)
    monkeypatch.chdir(tmp_path)
    before = contents(tmp_path)
    done = disk_full(most, format.words)
    assert not done.traceback and done.code == 1 and done.output.strip(), done.traceback + done.output
    left: dict[str, Any] = {file: content for file, content in contents(tmp_path).items() if len(content) > most}
    assert {file: left.get(file) for file in before if len(before[file]) > most} == {
        file: content for file, content in before.items() if len(content) > most
    }
    assert left.keys() <= before.keys(), "half a file was left behind"


def test_a_full_terminal_is_a_message() -> None:
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-m", "firsthand.cli", "data", "list"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 1 and done.stderr.startswith("error: ") and "Traceback" not in done.stderr
