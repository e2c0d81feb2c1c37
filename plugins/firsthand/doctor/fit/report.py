"""What the doctor says of memory: a table of parts for each recipe, and a finding where one does not fit."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from firsthand.doctor.fit.fit import Asked, Fit, fit
from firsthand.doctor.fit.machine import GB, Machine, Need
from firsthand.doctor.fit.rows import Said
from firsthand.errors import UserError
from firsthand.findings import RULES, Finding, Place

DOES_NOT_FIT = RULES["FT001"]
NOT_RECKONED = RULES["FT002"]


@dataclass(frozen=True)
class Fits:
    recipes: tuple[Fit, ...] = ()
    others: tuple[str, ...] = ()  # files that were named, and train nothing by themselves
    findings: tuple[Finding, ...] = ()

    def without(self, rules: Container[str]) -> "Fits":
        return replace(self, findings=tuple(finding for finding in self.findings if finding.rule not in rules))

    def lines(self) -> Iterator[str]:
        for one in self.recipes:
            yield from lines(one)
        yield from (f"{name}: trains nothing by itself, so nothing was reckoned" for name in self.others)

    def as_json(self) -> list[dict[str, Any]]:
        return [
            {
                "file": one.recipe,
                "gpus": one.asked.machine.gpus,
                "memory": one.asked.machine.memory,
                "fits": one.fits,
                "with": [text for text, _ in one.ways],
                "phases": {phase.name: dict(phase.parts) for phase in one.need.phases},
                "host": dict(one.need.host),
                "cpus": one.need.cpus,
                "rows": one.need.rows,
                "notes": list(one.need.notes),
            }
            for one in self.recipes
        ]


def asked(
    recipes: Sequence[Path],
    gpus: int,
    memory: float | None,
    said: tuple[int | None, int | None],
    model: str | None,
    overrides: Sequence[str],
) -> Asked | None:
    """None where nobody asked."""
    if memory is not None and not recipes:
        raise UserError("--memory: name a --recipe")
    if memory is not None:
        return Asked(Machine(gpus, memory * GB), Said(*said), model, tuple(overrides))
    if gpus > 1 or any(said) or model or overrides:
        raise UserError("--gpus, --tokens, --answer-tokens, --model and --with say more about --memory: add it")
    return None


def reckon(recipes: Sequence[tuple[Path, bool]], question: Asked | None) -> Fits:
    """Of each recipe it is known whether it was named itself, or lies in a folder that was."""
    found, findings, others = [], [], []
    for path, named in recipes if question else ():
        assert question
        try:
            one = fit(path, question)
        except UserError as error:
            findings.append(NOT_RECKONED.at(Place(str(path), 1), str(error), "correct what the message names"))
            continue
        except Exception as error:  # a recipe holds anything; what is wrong with it, the checks of its kind say
            message = f"{type(error).__name__}: {error}"
            findings.append(NOT_RECKONED.at(Place(str(path), 1), message, "correct the errors above first"))
            continue
        if one:
            found.append(one)
            findings += [] if one.fits else [_finding(one)]
        elif named:
            others.append(str(path))
    return Fits(tuple(found), tuple(others), tuple(findings))


def machine(one: Machine) -> str:
    return f"{one.gpus} x {one.memory / GB:g} GB"


def gigabytes(size: float) -> str:
    return f"{size / GB:.1f}"


def _finding(one: Fit) -> Finding:
    """Where nothing else helps, the last note says how long a row may be, or how many rollouts there is room for."""
    worst, notes = one.need.worst, one.need.notes
    message, more = f"{worst.name} takes {gigabytes(worst.total)} GB on {machine(one.asked.machine)}", f"; {notes[-1]}"
    if not one.need.starts:
        message, more = "; ".join(notes), ""
    ways = " or ".join(f"`{text}` ({gigabytes(need.worst.total)} GB)" for text, need in one.ways)
    return DOES_NOT_FIT.at(Place(one.recipe, 1), message, ways or f"more or larger GPUs{more}")


def lines(one: Fit) -> Iterator[str]:
    """Predicted, never measured: the heading says so."""
    need = one.need
    yield f"{one.recipe} on {machine(one.asked.machine)}: {one.verdict} (predicted)"
    yield f"  {need.rows}"
    yield f"  {'GB on one GPU':<24}" + "".join(f"{phase.name:>18}" for phase in need.phases)
    for part in dict.fromkeys(part for phase in need.phases for part in phase.parts):
        yield f"  {part:<24}" + "".join(_cell(phase.parts.get(part)) for phase in need.phases)
    yield f"  {'together':<24}" + "".join(_cell(phase.total) for phase in need.phases)
    on_host = ", ".join(f"{part} {gigabytes(size)}" for part, size in need.host.items())
    yield f"  host memory: {host(need)} GB ({on_host})"
    yield f"  CPUs: {need.cpus}"
    yield from (f"  {note}" for note in need.notes)


def host(need: Need) -> str:
    return f"{sum(need.host.values()) / GB:.0f}"


def _cell(size: float | None) -> str:
    return f"{'' if size is None else gigabytes(size):>18}"
