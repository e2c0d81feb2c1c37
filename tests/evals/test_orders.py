"""The gap between ordered and other frames, by kind of question, from the folders of the runs."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.evals import orders
from firsthand.evals.results import results
from firsthand.evals.run_folder import Folder
from firsthand.files import write_json, write_jsonl

QUESTIONS = [{"id": f"o{n}", "label": "order", "answer": "A", "letters": "ABCD"} for n in range(4)]
QUESTIONS += [{"id": f"s{n}", "label": "scene", "answer": "B", "letters": "ABCD"} for n in range(2)]


def run(folder: Path, letters: str, **settings: Any) -> Path:
    """The folder of a run whose answers to the six questions are these letters."""
    write_json(folder / "run.json", {"benchmark": "file"})
    write_jsonl(folder / "questions.jsonl", QUESTIONS)
    rows = [
        {"id": row["id"], "output": f"<answer>{letter}</answer>", "settings": {"model": "m"} | settings}
        for row, letter in zip(QUESTIONS, letters, strict=True)
    ]
    write_jsonl(folder / "answers.jsonl", rows)
    return folder


def test_the_gap_is_taken_by_kind_and_between_runs_of_the_same_settings(tmp_path: Path) -> None:
    folders = [
        run(tmp_path / "ordered", "AAAABB"),
        run(tmp_path / "reversed", "BBBABB", frame_order="reversed"),
        run(tmp_path / "shuffled", "AABBBA", frame_order="shuffled"),
        run(tmp_path / "hotter", "BBBBBB", frame_order="shuffled", temperature=1.0),
    ]
    found = [Folder(path) for path in folders]
    gaps = orders.gaps(found, [results(one) for one in found])
    # order: 4 of 4 against 1 and 2 of 4; scene: 2 of 2 against 2 and 1 of 2; the run at another temperature has no pair
    assert {(gap.order, gap.kind): gap.compared.difference for gap in gaps} == {
        ("reversed", "all"): 3 / 6, ("reversed", "label: order"): 3 / 4, ("reversed", "label: scene"): 0.0,
        ("shuffled", "all"): 3 / 6, ("shuffled", "label: order"): 2 / 4, ("shuffled", "label: scene"): 1 / 2,
    }  # fmt: skip
    assert all(gap.run == "ordered" and gap.compared.interval[0] <= gap.compared.difference for gap in gaps)
    result = CliRunner().invoke(app, ["eval", "table", *map(str, folders[:2]), "--out", str(tmp_path / "table")])
    assert result.exit_code == 0, result.output
    page = (tmp_path / "table.md").read_text()
    assert "| ordered | reversed | label: order | 4 | 100.0 | 25.0 | +75.0" in page
    assert len(json.loads((tmp_path / "table.json").read_text())["orders"]) == 3


def test_runs_in_one_order_have_no_such_table(tmp_path: Path) -> None:
    folders = [run(tmp_path / name, "AAAABB") for name in ("a", "b")]
    result = CliRunner().invoke(app, ["eval", "table", *map(str, folders), "--out", str(tmp_path / "table")])
    assert result.exit_code == 0 and "order" not in json.loads((tmp_path / "table.json").read_text())
    assert "Does it use" not in result.output
