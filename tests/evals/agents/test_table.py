"""Several runs side by side, counted from their folders alone."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.files import read_json, write_text


@pytest.fixture
def begun(server, model, ask, tools, tmp_path: Path):
    """Runs of two agents that differ in one answer of three."""

    def run(name: str, rows: Path) -> Path:
        options = {"agent": "agent", "server": server, "tools": tools, "questions": rows, "out": tmp_path / name}
        flat = [str(word) for key, value in options.items() for word in (f"--{key}", value)]
        done = CliRunner().invoke(app, ["eval", "run", "egolife_qa", *flat])
        assert done.exit_code == 0, done.output
        return tmp_path / name

    model.scripts = {"a": [model.search(), model.answer("B")], "b": [model.answer("C")], "c": [model.answer("B")]}
    rows = ask(*model.scripts)
    first = run("base", rows)
    model.scripts["b"] = [model.search(), model.answer("B")]
    return first, run("tuned", rows), run


def test_two_runs_and_what_lies_between_them(begun, tmp_path: Path) -> None:
    base, tuned, _ = begun
    done = CliRunner().invoke(app, ["eval", "table", str(base), str(tuned), "--out", str(tmp_path / "both")])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "both.md").read_text()
    assert "|  | n | base: agent | tuned: agent |" in text
    assert "| all | 3 | 66.7  20.8–93.9 | 100.0  43.9–100.0 |" in text
    assert "tuned against base: +33.3 points" in text and "1 questions right only with tuned, 0 only with base" in text
    whole = read_json(tmp_path / "both.json")
    assert [run["run"] for run in whole["runs"]] == ["base", "tuned"] and len(whole["comparisons"]) == 1


def test_the_folder_says_all_that_its_tables_say(begun) -> None:
    base, _, _ = begun
    before = (base / "results.md").read_text()
    again = CliRunner().invoke(app, ["eval", "table", str(base), "--out", str(base / "again")])
    assert again.exit_code == 0 and (base / "again.md").read_text() == before


def test_runs_that_cannot_be_compared(begun, ask, model, tmp_path: Path) -> None:
    base, _, run = begun
    other = run("other", ask("a", "c"))
    done = CliRunner().invoke(app, ["eval", "table", str(base), str(other)])
    assert done.exit_code == 1 and "asks other questions than" in " ".join(done.output.split())
    done = CliRunner().invoke(app, ["eval", "table", str(base), str(tmp_path / "." / "base")])
    assert done.exit_code == 1 and "two folders share a name" in done.output


def test_folders_that_are_no_runs(begun, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["eval", "table", str(tmp_path)])
    assert done.exit_code == 1 and "it has no run.json" in " ".join(done.output.split())
    base, _, _ = begun
    write_text(base / "episodes.jsonl", '{"id": "x"}\n')
    done = CliRunner().invoke(app, ["eval", "table", str(base)])
    assert done.exit_code == 1 and "episodes.jsonl:1: not a row of `firsthand eval run`" in " ".join(
        done.output.split()
    )
    write_text(base / "run.json", '{"benchmark": "chess"}')
    done = CliRunner().invoke(app, ["eval", "table", str(base)])
    assert done.exit_code == 1 and "'chess' is not one of" in done.output
