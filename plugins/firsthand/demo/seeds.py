"""The tables of several seeds, made of their reports, between two marks of a page: a row for each seed and the mean,
and every model by label."""

import statistics
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firsthand import files
from firsthand.demo import egoagent_report
from firsthand.demo.ego3s import LATER
from firsthand.evals.score import Score, Tally

NOTE = (
    "Accuracy in % on held-out people, with Wilson 95 % intervals; the mean with the standard deviation of the seeds."
)
Report = dict[str, Any]
Seed = tuple[dict[str, Tally], dict[str, float]]  # what a seed scored, and the differences that matter, in points


def gain(report: Report) -> Seed:
    """Of base, SFT and GRPO."""
    table = {row["model"]: Score.model_validate(row) for row in report["table"]}
    return dict(table), {"grpo - sft": 100 * (table["grpo"].accuracy - table["sft"].accuracy)}


def order(report: Report) -> Seed:
    """Of questions on order: accuracy, how much of it reversed frames take away, and what the bonus changes."""
    table = {row["model"]: Score.model_validate(row).by["order"] for row in report["table"]}
    gaps = {f"gap of {name}": _gap(report, name) for name in table}
    others = ("rloo", "rloo_faster")
    paid = {f"temporal - {name}": 100 * (table["temporal"].accuracy - table[name].accuracy) for name in others}
    return dict(table), gaps | paid


def egoagent(report: Report) -> Seed:
    """Few-shot kNN of rooms, and how far each bar is passed."""
    table = {row["model"]: Score.model_validate(row) for row in report["table"]}
    return dict(table), egoagent_report.differences(report)


def ego3s(report: Report) -> Seed:
    """Of questions about what hands do, and what each selection and all of Ego3S change there."""
    table = {row["model"]: Score.model_validate(row).by["interaction"] for row in report["table"]}
    pairs = [("random", "csm"), ("full", "csm"), ("full", "ego3s")]
    pairs += [(other, "csm") for other in LATER if other in table]
    pairs += [("full", name) for name in ("interaction_rewards",) if name in table]
    return dict(table), {f"{b} - {a}": 100 * (table[b].accuracy - table[a].accuracy) for a, b in pairs}


def _gap(report: Report, name: str) -> float:
    [table] = [table for table in report["tables"] if table["title"].startswith("Questions on order")]
    [row] = [row for row in table["rows"] if row[0] == name]
    return float(row[table["head"].index("gap to reversed")].split()[0])


def write_table(loop: str, folders: dict[int, Path], page: Path, read: Callable[[Report], Seed]) -> None:
    columns: dict[str, list[float]] = defaultdict(list)
    rows = []
    reports = {seed: files.read_json(folder / "report.json") for seed, folder in folders.items()}
    for seed, report in reports.items():
        scored, differences = read(report)
        for name, value in ({name: 100 * one.accuracy for name, one in scored.items()} | differences).items():
            columns[name].append(value)
        seconds = sum(stage["seconds"] for stage in report["stages"])
        shown = [*map(_percent, scored.values()), *(f"{value:+.1f}" for value in differences.values())]
        rows.append(f"| {' | '.join([str(seed), str(next(iter(scored.values())).n), *shown, f'{seconds:.0f}'])} |")
    head = [f"| seed | n | {' | '.join(columns)} | seconds |", "|---" * (len(columns) + 3) + "|"]
    if len(folders) > 1:
        means = [f"{statistics.fmean(values):.1f} ± {statistics.stdev(values):.1f}" for values in columns.values()]
        rows.append(f"| mean ± sd | | {' | '.join(means)} | |")
    begin, end = (f"<!-- {loop} seeds: {word} -->" for word in ("begin", "end"))
    text = page.read_text() if page.exists() else "# Results\n"
    before, after = (text.split(begin)[0], text.split(end)[1]) if begin in text else (f"{text.rstrip()}\n\n", "\n")
    files.write_text(page, "\n".join([before + begin, "", NOTE, "", *head, *rows, "", *by_label(reports), end + after]))


def by_label(reports: dict[int, Report]) -> list[str]:
    """What each model knows of each kind of question, so that what is forgotten is seen too."""
    tables = [{row["model"]: Score.model_validate(row) for row in report["table"]} for report in reports.values()]
    models = [name for name in tables[0] if all(name in table for table in tables)]
    labels = sorted(tables[0][models[0]].by)
    if len(labels) < 2:
        return []
    rows = []
    for name in models:
        cells = [[100 * table[name].by[label].accuracy for table in tables] for label in labels]
        rows.append(f"| `{name}` | {' | '.join(map(_mean, cells))} |")
    asked = [f"{label} (n = {tables[0][models[0]].by[label].n})" for label in labels]
    said = f"By label, the mean of the seeds and in brackets seeds {', '.join(map(str, reports))}:"
    return [said, "", f"| model | {' | '.join(asked)} |", "|---" * (len(labels) + 1) + "|", *rows, ""]


def _mean(values: list[float]) -> str:
    return f"{statistics.fmean(values):.0f}" + (
        f" ({', '.join(f'{value:.0f}' for value in values)})" * (len(values) > 1)
    )


def _percent(tally: Tally) -> str:
    low, high = tally.interval
    return f"{100 * tally.accuracy:.1f} ({100 * low:.0f}-{100 * high:.0f})"
