"""The stages hand on what they make, and the report says what the evaluation found."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from firsthand import files
from firsthand.demo import egoagent, egoagent_report, seeds
from firsthand.demo.progress import egoagent_metrics
from firsthand.egoagent.evaluation import side_by_side
from firsthand.egoagent.evaluation.commands import app
from firsthand.egoagent.evaluation.results import Results, Row, Table
from firsthand.egoagent.training.settings import read_recipe
from firsthand.errors import UserError
from firsthand.pages.report.build import build

ROOT = Path(__file__).parents[2]
RIGHT = {"teacher": 90.0, "student": 92.0, "pixels": 50.0, "random init": 45.0}


def test_each_stage_reads_what_one_before_it_makes(monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    stages = {stage.name: stage for stage in egoagent.stages(Path("runs/x"), 3)}
    assert list(stages) == ["world", "images", "clips", "held-out", "stage1", "stage2", "eval", "page"]
    recipes = {
        name: read_recipe(Path(stages[name].command[3]), stages[name].command[4:]) for name in ("stage1", "stage2")
    }
    first, second = recipes["stage1"], recipes["stage2"]
    assert second.start == first.output_dir == "runs/x/stage1" and first.seed == second.seed == 3
    outs = {name: stages[name].command[stages[name].command.index("--out") + 1] for name in ("images", "clips")}
    assert first.data.images == second.data.images == outs["images"] and second.data.clips == outs["clips"]
    assert stages["eval"].command[3] == stages["page"].command[3] == second.output_dir
    assert str(stages["eval"].makes[0]) in stages["page"].command


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """1,000 queries; the largest bank and other ks are not in the table of accuracies."""
    few = [
        Row(name=name, value=value, more={"Top5 %": 99.0, "k": k}) for name, value in RIGHT.items() for k in (10, 100)
    ]
    state = [Row(name="predicted", value=70, interval=(66, 74), more={"mAP %": 80.0})]
    state.append(Row(name="shuffled actions", value=26, interval=(24, 28), more={"mAP %": 50.0}))
    errors = {"of the best trivial": 0.55, "by horizon, of the best trivial": [0.5, 1.0]}
    motion = [Row(name="model", value=5.5, interval=(5, 6), more=errors)]
    tables = [
        Table(title=side_by_side.WITHIN, unit="Top1 %", n="10 clips", rows=state, columns=["mAP %"]),
        Table(title=side_by_side.MOTION, unit="cm (MPJPE)", n="10 clips", rows=motion, columns=["of the best trivial"]),
        Table(title=side_by_side.FEW, unit="Top1 %", n="1000 queries, 6 classes", rows=few, columns=["Top5 %", "k"]),
    ]
    results = Results(
        checkpoint="x", data="y", settings={}, tables=tables, left_out={"kNN of held": "too small a bank"}
    )
    files.write_text(tmp_path / "eval/results.json", results.model_dump_json())
    for stage, seconds in (("stage1", 90), ("stage2", 240)):
        files.write_json(tmp_path / stage / "ended.json", {"processor_seconds": seconds})
    row = {"rep": 3.0, "pred": 2.0, "act": 0.4, "entropy": 2.0, "marginal_entropy": 3.0}
    files.write_jsonl(tmp_path / "stage2/metrics.jsonl", [{"step": step, "loss": 9.0, **row} for step in (10, 20)])
    return tmp_path


def test_the_report_is_a_page_and_gives_the_table_of_seeds(run: Path) -> None:
    content = egoagent_report.content(run)
    files.write_json(run / "report.json", json.loads(json.dumps({**content, "seed": 0})) | {"stages": []})
    build(run, run / "report.html")
    page = (run / "report.html").read_text()
    assert "too small a bank" in page and side_by_side.WITHIN in page and "1.5 + 4.0 minutes" in page
    assert "nearest labelled frames" in page and "clear letter" not in page
    assert {row["model"]: row["correct"] for row in content["table"]} == {
        name: 10 * value for name, value in RIGHT.items()
    }
    scored, apart = seeds.egoagent(files.read_json(run / "report.json"))
    assert list(scored) == list(RIGHT)
    assert list(apart.values()) == pytest.approx([40, 45, 44, 55, 100])
    assert [row[-1] for row in content["tables"][0]["rows"]] == ["yes", "yes", "yes", "yes", "no"]


def test_an_evaluation_without_rooms_is_an_error_that_says_so(run: Path) -> None:
    results = Results.model_validate(files.read_json(run / "eval/results.json"))
    with pytest.raises(UserError, match="kNN of room"):
        side_by_side.found(results.model_copy(update={"tables": results.tables[:2]}), side_by_side.FEW)


def test_evaluations_stand_beside_one_another_with_the_bars_that_each_holds(run: Path) -> None:
    other = files.read_json(run / "eval/results.json")
    other["tables"][0]["rows"][0]["value"] = 60.0  # 34 points over shuffled actions
    other["tables"][1]["rows"][0]["more"]["by horizon, of the best trivial"] = [0.5, 0.9]
    other["tables"][2]["rows"].pop()  # the untrained network with k = 100
    files.write_json(run / "other/results.json", other)
    lines = CliRunner().invoke(app, ["compare", str(run / "eval/results.json"), str(run / "other/results.json")]).stdout
    assert "| predicted | 70.0 (66.0 to 74.0) | 60.0 (66.0 to 74.0) |" in lines
    assert "| random init, k = 100 | 45.0 |  |" in lines
    assert "| next state: predicted - shuffled actions | at least 35 points | 44.0 | 34.0 | 1 of 2 |" in lines
    assert "| the same, of the worst horizon | below 100 | 100.0 | 90.0 | 1 of 2 |" in lines
    assert lines.rstrip().endswith("All bars are held by 0 of 2.")
    files.write_json(run / "other/results.json", {"tables": []})
    said = CliRunner().invoke(app, ["compare", str(run / "other/results.json")])
    assert isinstance(said.exception, UserError) and "other/results.json" in str(said.exception)


def test_progress_is_the_last_whole_row(run: Path) -> None:
    recipe, metrics = ROOT / "recipes/egoagent/tiny_stage2_300m.yaml", run / "stage2/metrics.jsonl"
    steps = files.read_yaml(recipe)["schedule"]["steps"]
    assert egoagent_metrics(metrics, recipe) == (20, steps, "loss 9.000")
    assert egoagent_metrics(run / "nothing.jsonl", recipe) == (0, steps, "")
