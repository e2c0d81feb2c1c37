"""Releases in folders of a test, built for evaluation."""

import json
from pathlib import Path
from typing import Any

import pytest

from firsthand import files
from firsthand.data.build.build import Options, build
from firsthand.data.build.catalogue import release
from firsthand.question import Question


@pytest.fixture
def built(tmp_path: Path) -> Any:
    """name, files -> what became of the rows, and the questions by id. A file's name has __ for a slash, _dot_ for a
    dot."""

    def make(name: str, **written: Any) -> Any:
        src, out = tmp_path / "src", tmp_path / "datasets" / name
        for path, content in written.items():
            full = src / path.replace("__", "/").replace("_dot_", ".")
            write = {".jsonl": files.write_jsonl, ".json": files.write_json}.get(full.suffix, files.write_text)
            write(full, content)
        made = build(release(name), src, out, ("eval",), Options(), lambda *_: None)["eval"]
        return made, {row["id"]: Question.from_eval(row) for row in files.read_jsonl(out / "eval.jsonl")}

    return make


@pytest.fixture
def asked(tmp_path: Path) -> Any:
    """All that a model could be shown of a release that was built."""

    def read(name: str) -> str:
        rows = files.read_jsonl(tmp_path / "datasets" / name / "eval.jsonl")
        return json.dumps([row["messages"] for row in rows])

    return read
