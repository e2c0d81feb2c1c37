"""The report for a person and for a program: counts by kind, the first rows of each, lengths, memory."""

import json
from bisect import bisect_left
from itertools import accumulate
from operator import mul
from typing import Any

from rich.markup import escape

from firsthand.data.check.run import Report
from firsthand.findings import LEVELS, ROW_RULES, Printer

QUANTILES = {"least": 0.0, "median": 0.5, "p95": 0.95, "most": 1.0}


def as_json(report: Report) -> str:
    source, memory = report.source, report.memory
    content = {
        "schema": 1,
        "file": str(source.file),
        "form": source.form,
        "root": str(source.root),
        "rows": report.rows,
        "ok": report.ok,
        "counts": report.counts,
        "kinds": [
            {
                "kind": name,
                "level": ROW_RULES[name].level,
                "title": ROW_RULES[name].title,
                "fix": ROW_RULES[name].fix,
                "rows": tally.rows,
                "count": tally.count,
                "first": [{"row": number, "message": message} for number, message in tally.first],
            }
            for name, tally in _ordered(report)
        ],
        "tokens": _tokens(report),
        "memory": memory and {"peak": memory.peak, "disk": memory.disk, "available": memory.available},
    }
    return json.dumps(content, indent=1, ensure_ascii=False)


def show(report: Report) -> None:
    printer, source = Printer(), report.source
    known = f" as `{source.entry.name}`" if source.entry and source.entry.registry.entries else ""
    printer.say(
        f"[bold]{escape(str(source.file))}[/]{known}: {report.rows:,} rows of {source.form}, media in {source.root}"
    )
    for name, tally in _ordered(report):
        kind = ROW_RULES[name]
        details = [f"{f'row {number}: ' if number else ''}{escape(message)}" for number, message in tally.first]
        if tally.count > len(tally.first):
            details.append(f"... {tally.count - len(tally.first):,} more")
        printer.finding(kind.level, f"{tally.rows:>7,} rows  {kind.title} ({name})", kind.fix, details)
    if tokens := _tokens(report):
        limit = f", {source.limits.key} {source.limits.tokens}" if source.limits.tokens else ""
        printer.say(
            f"  tokens of a row: {tokens['least']} to {tokens['most']} (row {tokens['longest']}), "
            f"half below {tokens['median']}, 95 % below {tokens['p95']}{limit}; {tokens['sum']:,} in all"
        )
    if memory := report.memory:
        gib, workers = 2**30, source.limits.workers
        printer.say(
            f"  preprocessing by LLaMA-Factory: about {memory.peak / gib:.1f} GiB at the peak of {workers} workers, "
            f"{memory.disk / gib:.2f} GiB on disk; {memory.available / gib:.1f} GiB are free here"
        )
    printer.verdict(report.ok, report.counts)


def _ordered(report: Report) -> list[tuple[str, Any]]:
    return sorted(report.kinds.items(), key=lambda item: (LEVELS.index(ROW_RULES[item[0]].level), -item[1].rows))


def _tokens(report: Report) -> dict[str, int] | None:
    if not report.lengths:
        return None
    lengths, counts = zip(*sorted(report.lengths.items()), strict=True)
    up_to = list(accumulate(counts))
    rows = up_to[-1]
    named = {name: lengths[bisect_left(up_to, max(1, round(share * rows)))] for name, share in QUANTILES.items()}
    return {"rows": rows, "sum": sum(map(mul, lengths, counts)), **named, "longest": report.longest}
