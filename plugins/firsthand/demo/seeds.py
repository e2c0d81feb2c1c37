"""The tables of several seeds, made of their reports, between two marks of a page: a row for each seed and the mean,
and what held-out questions showed over the updates."""

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
    [bars] = [table for table in report["tables"] if table["title"] == egoagent_report.BARS]
    return dict(table), {name: float(value) for name, _, value, _ in bars["rows"]}


def ego3s(report: Report) -> Seed:
    """Of questions about what hands do, and what each selection and all of Ego3S change there."""
    table = {row["model"]: Score.model_validate(row).by["interaction"] for row in report["table"]}
    pairs = [("random", "csm"), ("full", "csm"), ("full", "ego3s")]
    pairs += [(other, "csm") for other in LATER if other in table]
    if "interaction_rewards" in table:
        pairs.append(("full", "interaction_rewards"))
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
    files.write_text(
        page, "\n".join([before + begin, "", NOTE, "", *head, *rows, "", *over_updates(reports), end + after])
    )


def over_updates(reports: dict[int, Report]) -> list[str]:
    """What held-out questions showed before a training and after 1, 2, 4, ... updates, so that what is forgotten is
    seen as what is learnt."""
    seeds = [_held_out(report) for report in reports.values()]
    rows: list[str] = []
    for model, curves in seeds[0].items():
        updates = sorted(next(iter(curves.values())))
        for update in (one for one in updates if one & (one - 1) == 0 or one == updates[-1]):
            cells = [_mean([100 * seed[model][name][update] for seed in seeds]) for name in curves]
            rows.append(f"| `{model}`, {update} | {' | '.join(cells)} |")
    if not rows:
        return []
    names = next(iter(seeds[0].values()))
    head = [f"| training, updates | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    return [f"In %, the mean of the seeds and in brackets seeds {', '.join(map(str, reports))}:", "", *head, *rows, ""]


def _held_out(report: Report) -> dict[str, dict[str, dict[int, float]]]:
    """Model -> what was measured -> update -> value: of curves that begin before the training and end with a model."""
    found: dict[str, dict[str, dict[int, float]]] = {row["model"]: {} for row in report["table"]}
    for key, points in report["curves"]["series"].items():
        name, _, model = key.partition(": ")
        if model in found and points[0][0] == 0:
            found[model][name] = dict(points)
    return {model: curves for model, curves in found.items() if curves}


def _mean(values: list[float]) -> str:
    mean, each = f"{statistics.fmean(values):.0f}", ", ".join(f"{value:.0f}" for value in values)
    return f"{mean} ({each})" if len(values) > 1 else mean


def _percent(tally: Tally) -> str:
    low, high = tally.interval
    return f"{100 * tally.accuracy:.1f} ({100 * low:.0f}-{100 * high:.0f})"
