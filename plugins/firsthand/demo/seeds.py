"""The table of several seeds, made of their reports: one row a seed and the mean, between two marks of a page."""

import statistics
from collections import defaultdict
from pathlib import Path

from firsthand import files
from firsthand.evals.score import Score, Tally

NOTE = (
    "Accuracy in % on held-out people, with Wilson 95 % intervals; the mean with the standard deviation of the seeds."
)


def write_table(loop: str, folders: dict[int, Path], page: Path) -> None:
    columns: dict[str, list[float]] = defaultdict(list)
    rows = []
    for seed, folder in folders.items():
        report = files.read_json(folder / "report.json")
        table = {row["model"]: Score.model_validate(row) for row in report["table"]}
        accuracy = {name: 100 * score.accuracy for name, score in table.items()}
        gain = accuracy["grpo"] - accuracy["sft"]
        for name, value in {**accuracy, "gain": gain}.items():
            columns[name].append(value)
        seconds = sum(stage["seconds"] for stage in report["stages"])
        cells = [str(seed), str(table["base"].n), *map(_percent, table.values()), f"{gain:+.1f}", f"{seconds:.0f}"]
        rows.append(f"| {' | '.join(cells)} |")
    names = [*list(columns)[:-1], "grpo - sft"]
    head = [f"| seed | n | {' | '.join(names)} | seconds |", "|---" * (len(names) + 3) + "|"]
    if len(folders) > 1:
        means = [f"{statistics.fmean(values):.1f} ± {statistics.stdev(values):.1f}" for values in columns.values()]
        rows.append(f"| mean ± sd | | {' | '.join(means)} | |")
    begin, end = (f"<!-- {loop} seeds: {word} -->" for word in ("begin", "end"))
    text = page.read_text() if page.exists() else "# Results\n"
    before, after = (text.split(begin)[0], text.split(end)[1]) if begin in text else (f"{text.rstrip()}\n\n", "\n")
    files.write_text(page, "\n".join([before + begin, "", NOTE, "", *head, *rows, "", end + after]))


def _percent(tally: Tally) -> str:
    low, high = tally.interval
    return f"{100 * tally.accuracy:.1f} ({100 * low:.0f}-{100 * high:.0f})"
