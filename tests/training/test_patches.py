"""The hook that applies the patches, on made-up upstream packages; the patches are in test_patches_needed.py."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from firsthand.training import patches
from firsthand.training.patches import __main__ as command

FOLDER = Path(patches.__file__).parent


@pytest.fixture
def upstream(tmp_path, monkeypatch):
    """A package `upstream` with a defect, and a patch `cure` that records when it is asked and applied."""
    (tmp_path / "upstream").mkdir()
    (tmp_path / "upstream/__init__.py").write_text("from upstream.core import defect\n")
    (tmp_path / "upstream/core.py").write_text("defect = True\n")
    cure = SimpleNamespace(applied=0, needed=lambda module: module.defect)

    def apply(module):
        cure.applied += 1
        module.defect = False

    cure.apply = apply
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "firsthand.training.patches.cure", cure)
    monkeypatch.setitem(patches.PATCHES, "cure", "upstream.core")
    monkeypatch.setattr(patches, "_watched", {})
    monkeypatch.setattr(patches, "applied", {})
    monkeypatch.setattr(sys, "meta_path", [finder for finder in sys.meta_path if finder is not patches._finder])
    monkeypatch.delenv("FIRSTHAND_PATCHES", raising=False)
    yield cure
    for name in ("upstream", "upstream.core"):
        sys.modules.pop(name, None)


def test_a_patch_is_in_place_before_anybody_else_sees_the_module(upstream):
    patches.install(["cure"])
    assert "upstream" not in sys.modules and patches.applied == {}
    assert importlib.import_module("upstream").defect is False
    assert patches.applied == {"cure": True}


def test_a_module_that_is_imported_already_is_patched_at_once(upstream):
    core = importlib.import_module("upstream.core")
    assert core.defect is True
    patches.install(["cure"])
    assert core.defect is False


def test_a_patch_that_upstream_does_not_need_is_not_applied(upstream, tmp_path):
    (tmp_path / "upstream/core.py").write_text("defect = False\n")
    patches.install(["cure"])
    importlib.import_module("upstream")
    assert patches.applied == {"cure": False} and upstream.applied == 0


def test_installing_twice_patches_once(upstream):
    patches.install(["cure"])
    patches.install(["cure"])
    importlib.import_module("upstream")
    patches.install(["cure"])
    assert upstream.applied == 1
    assert sum(finder is patches._finder for finder in sys.meta_path) == 1


def test_the_switch_switches_off(upstream, monkeypatch):
    monkeypatch.setenv("FIRSTHAND_PATCHES", "off")
    patches.install(["cure"])
    assert importlib.import_module("upstream").defect is True


def test_a_module_that_does_not_exist_stays_an_import_error(upstream, monkeypatch):
    monkeypatch.setitem(patches.PATCHES, "cure", "nowhere_to_be_found")
    patches.install(["cure"])
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("nowhere_to_be_found")


def test_the_table_and_the_folder_agree():
    assert {path.stem for path in FOLDER.glob("*.py")} == {"__init__", "__main__", *patches.PATCHES}


def test_a_patch_file_says_what_it_patches():
    for name in patches.PATCHES:
        tree = ast.parse((FOLDER / f"{name}.py").read_text())
        assert ast.get_docstring(tree).startswith("Patches "), name
        assert {"needed", "apply"} <= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name


def python(program: str, **environment: str) -> str:
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_line_at_the_start_of_python_imports_nothing():
    loaded = "import sys; before = set(sys.modules); exec(LINE); print(*set(sys.modules) - before)"
    assert python(loaded.replace("LINE", repr(command.LINE))).split() == []


def test_the_line_at_the_start_of_python_wakes_at_the_first_media_library(tmp_path):
    """In an environment without firsthand it steps aside; in one with it, the patches are installed."""
    (tmp_path / "torchvision.py").touch()
    program = f"exec({command.LINE!r}); import sys, torchvision; print('firsthand.training.patches' in sys.modules)"
    assert python(program, PYTHONPATH=str(tmp_path)).strip() == "False"
    both = f"{tmp_path}:{Path(patches.__file__).parents[3]}"
    assert python(program, PYTHONPATH=both).strip() == "True"


def test_install_and_remove(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "PTH", tmp_path / "firsthand-patches.pth")
    command.install()
    assert (tmp_path / "firsthand-patches.pth").read_text() == command.LINE + "\n"
    assert "\n" not in command.LINE  # a .pth file is read line by line
    command.remove()
    assert not (tmp_path / "firsthand-patches.pth").exists()
