"""launch/released_templates.py, the step of set-up that fetches what Qwen released, with small wheels of this test."""

import hashlib
import importlib.util
import os
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import pytest

SCRIPT = Path(__file__).parents[2] / "launch/released_templates.py"
WHEELS = {
    "firsthand-words==1.5.0": {"words/chat/qwen3.jinja": "a template", "words/LICENSE": "as you like"},
    "firsthand-tokens==2.0": {"tokens/qwen.tiktoken": "a vocabulary"},
}
NAMES = ["LICENSE.firsthand-words", "qwen.tiktoken", "qwen3.jinja"]


def write_wheel(folder: Path, wheel: str, members: dict[str, str]) -> None:
    name, version = wheel.replace("-", "_").split("==")
    with ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for member, text in members.items():
            archive.writestr(member, text)
        facts = f"{name}-{version}.dist-info"
        archive.writestr(f"{facts}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{facts}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{facts}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that pip knows: a folder with the wheels."""
    folder = tmp_path / "index"
    folder.mkdir()
    for wheel, members in WHEELS.items():
        write_wheel(folder, wheel, members)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


@pytest.fixture
def step(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("released_templates", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    digests = {
        wheel: {member: hashlib.sha256(text.encode()).hexdigest() for member, text in members.items()}
        for wheel, members in WHEELS.items()
    }
    monkeypatch.setattr(module, "WHEELS", digests)
    monkeypatch.setattr(module, "CACHE", tmp_path / "cache/released")
    return module


def names(step: ModuleType) -> list[str]:
    return sorted(path.name for path in step.CACHE.iterdir())


def test_it_fetches_what_is_missing_and_no_more(step, index: Path, capsys) -> None:
    step.main()
    assert names(step) == NAMES and (step.CACHE / "qwen3.jinja").read_text() == "a template"
    capsys.readouterr()
    (step.CACHE / "qwen3.jinja").write_text("cut o")
    step.main()
    assert "firsthand-words==1.5.0: unpacked" in (said := capsys.readouterr().out) and "tokens==2.0" not in said
    for wheel in index.iterdir():
        wheel.unlink()
    step.main()
    assert capsys.readouterr().out == "", "it needs no network when all is there"


def test_without_a_network_it_says_so_and_ends_well(step, index: Path, capsys) -> None:
    for wheel in index.iterdir():
        wheel.unlink()
    step.main()
    said = capsys.readouterr().out
    assert "firsthand-words==1.5.0 could not be fetched: " in said and "will not run" in said and names(step) == []


def test_a_file_with_another_checksum_is_not_taken(step, index: Path, capsys) -> None:
    write_wheel(index, "firsthand-tokens==2.0", {"tokens/qwen.tiktoken": "something else"})
    step.main()
    assert "tokens/qwen.tiktoken is not the file that the tests were written for" in capsys.readouterr().out
    assert "qwen.tiktoken" not in names(step)
