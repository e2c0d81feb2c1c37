"""The command line in this process, on files that are wrong in every way: it must end with a message, and no byte of
what it read may be lost."""

import json
import os
import resource
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from firsthand.cli import app

Run = Callable[..., "Ended"]


class Ended:
    """How a command ended, and what it said."""

    def __init__(self, code: int, output: str, error: BaseException | None):
        self.code, self.output = code, output
        self.traceback = "".join(traceback.format_exception(error)) if error else ""


def invoke(words: str) -> Ended:
    result = CliRunner().invoke(app, words.split())
    error = None if isinstance(result.exception, SystemExit) else result.exception
    return Ended(result.exit_code, result.output, error)


def contents(folder: Path) -> dict[str, bytes]:
    """Every regular file, by its path."""
    found = (Path(top, name) for top, _, names in os.walk(folder) for name in names)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if path.is_file()}


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """files, words -> how the command ended in a folder of these files, none of which may change or go."""
    monkeypatch.setenv("COLUMNS", "400")
    folders = (tmp_path / str(number) for number in range(1_000_000))

    def ended(files: dict[str, Any], words: str, prepare: Callable[[Path], None] = lambda folder: None) -> Ended:
        folder = next(folders)
        folder.mkdir()
        for name, content in files.items():
            write(folder / name, content)
        prepare(folder)
        before = contents(folder)
        monkeypatch.chdir(folder)
        done = invoke(words)
        after = contents(folder)
        assert not done.traceback, f"{words}\n{done.traceback}"
        assert {name: after.get(name) for name in before} == before, f"{words} changed a file that was there"
        return done

    yield ended
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def disk_full() -> Callable[[int, str], Ended]:
    """bytes, words -> how the command ended where no file may become longer; the child is not this process."""

    def ended(most: int, words: str) -> Ended:
        reading, writing = os.pipe()
        if child := os.fork():
            os.close(writing)
            with os.fdopen(reading, "rb") as said:
                code, output, traced = json.loads(said.read() or b'[-1, "", "the process died"]')
            os.waitpid(child, 0)
            done = Ended(code, output, None)
            done.traceback = traced
            return done
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        done = invoke(words)
        with os.fdopen(writing, "wb") as say:
            say.write(json.dumps([done.code, done.output, done.traceback]).encode())
        os._exit(0)

    return ended
