"""Published numbers stand apart from runs of ours, with their source, and say which are not sure."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.evals.benchmarks import SUITE
from firsthand.evals.published.tables import Published, published
from firsthand.files import write_jsonl


def table(*words: Any) -> Any:
    return CliRunner().invoke(app, ["eval", "table", *map(str, words)], terminal_width=250, env={"COLUMNS": "250"})


@pytest.fixture
def egocross_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four questions about surgery, three right; two about animals, none right."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs/egocross/sft"
    folder.mkdir(parents=True)
    rows = [
        {"id": f"q{i}", "answer": "A", "letters": "ABCD", "domain": "surgery" if i < 4 else "animal", "video": f"v{i}"}
        for i in range(6)
    ]
    said = [{"id": f"q{i}", "output": "", "decided": True, "letter": "A" if i < 3 else "B"} for i in range(6)]
    for name, content in (("questions", rows), ("answers", [one | {"settings": {}} for one in said])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in content))
    (folder / "run.json").write_text(json.dumps({"benchmark": "egocross"}))
    return folder


@pytest.mark.parametrize("name", ["ego3s", "ego_r1", "egocross", "video_r1", "open_r1_video"])
def test_every_table_names_its_source_and_what_differs(name: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = table(name)
    assert result.exit_code == 0, result.output
    assert "PUBLISHED, not measured here" in result.output and "OURS" not in result.output
    assert f"source: {published()[name].source}"[:60] in result.output and "differs: " in result.output


def test_the_benchmarks_of_the_columns_exist() -> None:
    assert {name for facts in published().values() for name in facts.benchmarks} <= SUITE.keys()


def test_how_sure_each_number_is() -> None:
    tables = published()
    assert {row.evidence for row in tables["ego3s"].rows.values()} == {"figure"}
    ego_r1 = tables["ego_r1"].rows
    assert ego_r1["Ego-R1 3B"].evidence == "paper" and ego_r1["Ego-R1 3B"].values == [64.9, 68.2, 36.0, 46.0]
    again = ego_r1["Ego-R1 as run again by WorldMM's authors"]
    assert again.evidence == "third party" and again.values[0] == 42.7
    # Shares of 957 questions: 432, 440, 441, 635, 639, 641 right.
    right = {round(row.values[-1] * 9.57) for row in tables["egocross"].rows.values() if row.evidence != "third party"}
    assert {432, 440, 441, 635, 639, 641} <= right


def test_ours_stand_below_with_n(egocross_run: Path) -> None:
    for words in (["egocross", egocross_run], ["egocross"]):  # named, and found below runs/
        result = table(*words, "--out", "both")
        assert result.exit_code == 0, result.output
    theirs, ours = json.loads(Path("both.json").read_text())
    assert ours["title"].startswith("OURS") and all(row[0] != "sft: answer" for row in theirs["rows"])
    [row] = ours["rows"]
    named = dict(zip(ours["head"], row, strict=True))
    assert named[""] == "sft: answer" and named["industry"] == "–"
    assert named["surgery"].startswith("75.00 (") and named["surgery"].endswith("n = 4")
    assert named["all"].startswith("50.00 (") and named["all"].endswith("n = 6")


def test_what_is_there_is_run_first(server, tmp_path: Path, monkeypatch) -> None:
    """Of Ego3S's table, only EgoThink has its rows here; one of its two questions fails."""
    monkeypatch.chdir(tmp_path)
    messages = [[{"role": "user", "content": f"q{number}"}] for number in range(2)]
    rows = [
        {"id": said[0]["content"], "question": "?", "answer": "B", "letters": "", "task": "Activity", "messages": said}
        for said in messages
    ]
    write_jsonl(Path("datasets/egothink/eval.jsonl"), rows)
    server.script = {"q1": ["error_400"]}
    words = ["ego3s", "--server", server.url, "--model", "tiny", "--out", "both"]
    result = table(*words)
    assert result.exit_code == 0, result.output
    assert "egothink: some questions have no answer" in result.output and "no run of egoplan2" in result.output
    [row, *_] = json.loads(Path("both.json").read_text())[1]["rows"]
    assert row[:2] == ["tiny: answer: exact", "egothink"] and row[-1].startswith("50.0 (") and row[-1].endswith("n = 2")
    assert table(*words).exit_code == 0 and server.tries == {"q0": 1, "q1": 2}


def test_a_run_of_another_benchmark_is_refused(egocross_run: Path) -> None:
    result = table("ego_r1", egocross_run)
    assert result.exit_code == 1 and "is a run of egocross; this table has videomme_long" in result.output


def test_a_row_with_a_number_too_few_is_found() -> None:
    facts = {"title": "t", "source": "s", "evidence": "paper", "measure": "m", "differences": []}
    with pytest.raises(ValidationError, match="r: 1 values for 2 columns"):
        Published.model_validate(facts | {"columns": {"a": [], "b": []}, "rows": {"r": [1.0]}})
