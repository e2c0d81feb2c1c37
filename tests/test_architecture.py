"""The rooms and arrows of docs/architecture.md are those of the code."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE, REWARDS = ROOT / "plugins/firsthand", ROOT / "reward_fns"
PAGE = (ROOT / "docs/architecture.md").read_text()
FRAMEWORKS = {"verl": {"tools", "training"}, "llamafactory": {"toy"}, "vllm": set()}


def documented() -> dict[str, set[str]]:
    rows = re.findall(r"^\| `(\w+)` \|.*\| ?(.*?) ?\|$", PAGE, re.MULTILINE)
    return {room: set(filter(None, uses.split(", "))) for room, uses in rows}


def room_of(path: Path) -> str:
    return "reward_fns" if path.is_relative_to(REWARDS) else path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Dotted names of the modules that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.fixture(scope="module")
def used() -> dict[str, set[str]]:
    """room -> every module that one of its files imports."""
    found: dict[str, set[str]] = {}
    for path in [*PACKAGE.rglob("*.py"), *REWARDS.glob("*.py")]:
        if path != PACKAGE / "__init__.py":
            found.setdefault(room_of(path), set()).update(imports(path))
    return found


def test_rooms_and_arrows_are_those_of_the_code(used) -> None:
    arrows = {
        room: {name.split(".")[1] for name in names if name.startswith("firsthand.")} - {room}
        for room, names in used.items()
    }
    assert documented() == arrows


def test_arrows_point_one_way() -> None:
    TopologicalSorter(documented()).prepare()  # raises at a circle
    assert not any("cli" in uses for uses in documented().values())


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_frameworks_are_imported_where_the_page_says(used, framework: str) -> None:
    assert {room for room, names in used.items() if any(n.split(".")[0] == framework for n in names)} == FRAMEWORKS[
        framework
    ]


def test_every_file_that_the_page_names_exists() -> None:
    names = re.findall(r"`([\w/]+/[\w.]+\.py|(?:tests|training|launch|recipes)/[\w/.]+|\w+\.py)`", PAGE)
    assert len(names) > 25
    assert [name for name in names if not any((base / name).exists() for base in (ROOT, PACKAGE))] == []


def test_every_place_that_words_names_exists() -> None:
    rows = re.findall(r"^\| .* \| (`.*`.*) \|$", (ROOT / "docs/words.md").read_text(), re.MULTILINE)
    places = [place for row in rows for place in re.findall(r"`([\w./*]+)`", row)]
    assert len(places) > 50
    assert [place for place in places if not any(list(base.glob(place)) for base in (ROOT, PACKAGE))] == []
