"""The findings for a person and for a program: the same list, once as text by file, once as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.markup import escape

from firsthand.doctor.fit.report import Fits
from firsthand.doctor.recipes import Checked
from firsthand.findings import Finding, Printer, counted


@dataclass(frozen=True)
class Report:
    facts: dict[str, Any] | None  # None when the machine was not looked at
    machine: tuple[Finding, ...]
    recipes: tuple[Checked, ...]
    strict: bool
    fits: Fits

    @property
    def findings(self) -> list[Finding]:
        """A base file that several recipes include is reported once."""
        of_recipes = [finding for recipe in self.recipes for finding in recipe.findings]
        return list(dict.fromkeys([*self.machine, *of_recipes, *self.fits.findings]))

    @property
    def counts(self) -> dict[str, int]:
        return counted([finding.level for finding in self.findings].count)

    @property
    def ok(self) -> bool:
        return not self.counts["error"] and not (self.strict and self.counts["warning"])


def as_json(report: Report) -> str:
    content = {
        "schema": 1,
        "ok": report.ok,
        "strict": report.strict,
        "counts": report.counts,
        "machine": report.facts,
        "recipes": [{"file": recipe.file, "kind": recipe.kind} for recipe in report.recipes],
        "fits": report.fits.as_json(),
        "findings": [asdict(finding) for finding in report.findings],
    }
    return json.dumps(content, indent=1)


def show(report: Report) -> None:
    printer = Printer()
    if report.facts is not None:
        printer.say("[bold]this machine[/]")
        for name, value in _lines(report.facts):
            printer.say(f"  {name:<10} {escape(value)}")
        _group(printer, report.machine)
    seen: set[Finding] = set()
    for recipe in report.recipes:
        printer.say(f"[bold]{escape(recipe.file)}[/]  ({recipe.kind})")
        _group(printer, [finding for finding in recipe.findings if finding not in seen], recipe.file)
        seen |= set(recipe.findings)
    for line in report.fits.lines():
        printer.say(escape(line))
    if report.fits.findings:
        _group(printer, report.fits.findings)
    printer.verdict(report.ok, report.counts)


def _lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    gpus = [
        f"{gpu['name']}, {gpu['memory.free']} of {gpu['memory.total']} free, driver {gpu['driver_version']}"
        for gpu in facts["gpus"]
    ]
    return [
        ("python", f"{facts['python']} on {facts['system']}"),
        ("cpu", f"{facts['cpu_cores']} cores, {facts['memory_available_gib']} of {facts['memory_gib']} GiB free"),
        ("disk", f"{facts['disk_free_gib']} GiB free here, {facts['shm_free_gib']} GiB in /dev/shm"),
        ("gpu", "; ".join(gpus) or "none"),
        ("versions", ", ".join(f"{name} {version}" for name, version in facts["versions"].items())),
    ]


def _group(printer: Printer, findings: Sequence[Finding], file: str | None = None) -> None:
    for finding in findings:
        line = f" line {finding.line}" if finding.line else ""
        elsewhere = f" {finding.file}" if finding.file != file else ""
        text = escape(f"{finding.rule}{elsewhere}{line}: {finding.message}")
        printer.finding(finding.level, text, finding.fix)
    if not findings:
        printer.say("  nothing found")
