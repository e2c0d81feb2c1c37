"""docs/extending.md works: its files are written into an empty folder, and its examples are run there."""

import doctest
import re
import sys
from pathlib import Path

import pytest

import firsthand.tools
from firsthand.tools import catalogue

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/extending.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# ([\w./]+\.(?:py|txt|yaml))\n")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of the page, importable, whose tools are tools of ours; and with our recipes."""
    for _, text in BLOCK.findall(PAGE):
        if name := FILE.match(text):
            path = tmp_path / name[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.removeprefix(name[0]) if path.suffix == ".txt" else text)
    for recipe in (ROOT / "recipes").glob("*.yaml"):
        (tmp_path / "recipes").mkdir(exist_ok=True)
        (tmp_path / "recipes" / recipe.name).write_text(recipe.read_text())
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(firsthand.tools, "__path__", [*firsthand.tools.__path__, str(tmp_path / "tools")])
    monkeypatch.setattr(catalogue, "NAMES", (*catalogue.NAMES, "days_ago"))
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_the_page_has_an_example_for_everything() -> None:
    assert list(SECTIONS) == ["A reward", "A tool", "A data set", "A benchmark", "A system"]
    for name, text in SECTIONS.items():
        kinds = [kind for kind, _ in BLOCK.findall(text)]
        assert kinds.count("pycon") == 1, name
        written = [block for kind, block in BLOCK.findall(text) if kind != "pycon"]
        assert sum(len(block.splitlines()) for block in written) < 50, f"{name}: an example is under 50 lines"


@pytest.mark.parametrize("name", SECTIONS)
def test_the_example_works(project: Path, name: str) -> None:
    if name == "A system":
        pytest.importorskip("verl")
    [example] = [text for kind, text in BLOCK.findall(SECTIONS[name]) if kind == "pycon"]
    test = doctest.DocTestParser().get_doctest(example, {}, name, "docs/extending.md", 0)
    report: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=report.append)
    assert not report, "".join(report)
    assert test.examples
