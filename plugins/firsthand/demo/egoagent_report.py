"""What EgoAgent's demo measured: few-shot kNN of rooms as the table of accuracies, all other tables,
and curves."""

from pathlib import Path
from typing import Any

from firsthand import files
from firsthand.egoagent.evaluation.results import Row, Table, cells, heads, read_results
from firsthand.egoagent.evaluation.side_by_side import FEW, Bar, bars, found
from firsthand.evals.score import Score
from firsthand.evals.tables import print_scores

BARS = "Bars of the small world"
LOGGED = ("rep", "pred", "act", "entropy", "marginal_entropy")


def content(run: Path) -> dict[str, Any]:
    results = read_results(run / "eval/results.json")
    table = [_score(row, found(results, FEW)) for row in found(results, FEW).rows if row.more["k"] == 10]
    print_scores(table, [])
    return {
        "title": "EgoAgent in its small world",
        "subtitle": "one model represents a frame, predicts the next state and the next poses; people it never saw",
        "table": [one.model_dump() for one in table],
        "about": "Rooms named by the nearest labelled frames, with Wilson 95 % intervals.",
        "tables": [_bars(bars(results)), *map(_shown, results.tables)],
        "curves": {"x": "step", "series": curves(run)},
        "notes": [
            "The table of accuracies is kNN of rooms with 120 labelled frames: of the trained teacher and student, of "
            "the pixels, and of an untrained network of the same sizes.",
            "No number here is the paper's: the world is synthetic and the model has less than a million parameters.",
            f"Processor time of both stages: {_minutes(run)}.",
            f"What it expects to see and to do, frame by frame, is in {run.name}/rollout.html.",
            *(f"Not measured: {what} ({why})." for what, why in results.left_out.items()),
        ],
    }


def curves(run: Path) -> dict[str, list[tuple[float, float]]]:
    rows = list(files.read_jsonl(run / "stage2/metrics.jsonl"))
    return {name: [(row["step"], row[name]) for row in rows] for name in LOGGED}


def _minutes(run: Path) -> str:
    seconds = [files.read_json(run / stage / "ended.json")["processor_seconds"] for stage in ("stage1", "stage2")]
    return " + ".join(f"{one / 60:.1f}" for one in seconds) + " minutes"


def _score(row: Row, table: Table) -> Score:
    queries = int(table.n.split()[0])
    return Score(model=row.name, n=queries, correct=round(row.value / 100 * queries))


def _bars(held: list[Bar]) -> dict[str, Any]:
    rows = [[one.name, one.bar, f"{one.value:.1f}", "yes" if one.held else "no"] for one in held]
    return {"title": BARS, "head": ["", "bar", "here", "held"], "rows": rows}


def _shown(table: Table) -> dict[str, Any]:
    note = f"n: {table.n}. {table.note}"
    return {"title": table.title, "head": heads(table), "rows": [cells(row, table) for row in table.rows], "note": note}
