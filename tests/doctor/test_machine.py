"""The machine: versions against firsthand's own metadata, the probe of torch, and limits."""

import sys
from importlib import metadata
from pathlib import Path

import pytest

from firsthand.doctor.machine import machine, versions
from firsthand.recipe import python_source


@pytest.mark.parametrize(
    ("version", "specs", "good"),
    [
        ("2.13.0+cpu", "==2.13.0", True),
        ("2.13.0.post1", "==2.13.0", True),
        ("2.13.0rc1", "==2.13.0", False),
        ("2.13.1", "==2.13.0", False),
        ("2.13", "==2.13.0", True),
        ("14.2.1", ">=14", True),
        ("13.9", ">=14", False),
        ("3.11.7", ">=3.11,<3.13", True),
        ("3.13.0", ">=3.11,<3.13", False),
        ("5.6.0", ">=5.5.3,!=5.6.0", False),
        ("9", "", True),
    ],
)
def test_satisfies(version, specs, good):
    assert versions.satisfies(version, specs) is good


@pytest.fixture
def world(monkeypatch):
    """Installed distributions and firsthand's requirements, as given."""

    def set_up(installed: dict[str, str], python: str = ">=3.11") -> list[tuple[str, str | None]]:
        requires = [
            "rich>=13.9",
            'verl==0.9.1; extra == "train"',
            'firsthand[train]; extra == "cpu"',
            'torch==2.13.0; extra == "cpu"',
            'firsthand[train]; extra == "cuda"',
            'vllm==0.28.0; extra == "cuda"',
            'pytest>=8; extra == "dev"',
        ]
        monkeypatch.setattr(versions, "installed", installed.get)
        monkeypatch.setattr(metadata, "requires", lambda name: requires)
        monkeypatch.setattr(metadata, "metadata", lambda name: {"Requires-Python": python})
        return [(finding.rule, finding.key) for finding in versions.check()]

    return set_up


def test_the_base_install_is_fine_and_says_what_it_is(world):
    assert world({"rich": "14.0"}) == [("EN004", None)]


def test_a_cpu_install(world):
    assert world({"rich": "14.0", "verl": "0.9.1", "torch": "2.13.0+cpu"}) == []


def test_the_extra_follows_the_build_of_torch(world):
    assert world({"rich": "14.0", "verl": "0.9.1", "torch": "2.13.0"}) == [("EN003", "vllm")]


def test_versions_outside_the_set(world):
    found = world({"rich": "13.0", "verl": "0.9.0", "torch": "2.13.0+cpu"}, python="<3.11")
    assert found == [("EN001", None), ("EN002", "rich"), ("EN002", "verl")]


@pytest.fixture
def fake_package(tmp_path, monkeypatch):
    def make(name: str, code: str) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        python_source.package_folder.cache_clear()

    yield make
    python_source.package_folder.cache_clear()


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("", None),
        ("raise RuntimeError('operator nms does not exist')", "RuntimeError: operator nms does not exist"),
        ("print('noise')", None),
        ("import os; os.abort()", "ended with code"),
        ("import time; time.sleep(60)", "no answer in 1 s"),
    ],
)
def test_the_probe_survives_any_build(fake_package, code, problem):
    fake_package("fakevision", code)
    timeout = 1 if "sleep" in code else 60
    imports = machine.finish_probe(machine.start_probe(("fakevision", "not_installed")), timeout)["imports"]
    if problem is None:
        assert imports == {"fakevision": None}
    else:
        assert problem in next(iter(imports.values()))


def test_without_torch_there_is_no_probe():
    assert machine.start_probe(("not_installed",)) is None
    assert machine.finish_probe(None)["imports"] == {}


@pytest.mark.parametrize(
    ("script", "count"), [("echo 'NVIDIA X, 1000 MiB, 900 MiB, 570.1'", 1), ("exit 9", 0), ("echo broken", 0)]
)
def test_gpus_come_from_nvidia_smi(tmp_path, monkeypatch, script, count):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{Path('/bin')}")
    gpus = machine.gpus()
    assert len(gpus) == count
    assert not gpus or gpus[0] == {
        "name": "NVIDIA X",
        "memory.total": "1000 MiB",
        "memory.free": "900 MiB",
        "driver_version": "570.1",
    }


GPU = {"name": "NVIDIA X", "memory.total": "9", "memory.free": "9", "driver_version": "470"}
ROOMY = {
    "extra": "cuda",
    "gpus": [GPU],
    "torch_cuda": "13.0",
    "torch_sees_gpu": True,
    "disk_free_gib": 99.0,
    "memory_available_gib": 99.0,
    "shm_free_gib": 9.0,
}
HEALTHY = {"imports": {"torch": None}, "usable": True, "cuda": "13.0"}


@pytest.mark.parametrize(
    ("facts", "probe", "found"),
    [
        ({}, HEALTHY, []),
        ({}, None, [("EN011", "info")]),
        ({"extra": None}, None, []),
        ({"gpus": []}, HEALTHY, [("EN007", "info")]),
        ({"torch_sees_gpu": False}, HEALTHY, [("EN006", "error")]),
        ({"torch_sees_gpu": False, "torch_cuda": None}, HEALTHY, [("EN006", "warning")]),
        ({}, {"imports": {"torch": None, "torchvision": "RuntimeError: nms"}}, [("EN005", "error")]),
        (
            {"disk_free_gib": 1.0, "memory_available_gib": 1.0, "shm_free_gib": 0.1},
            HEALTHY,
            [("EN008", "warning"), ("EN009", "warning"), ("EN010", "warning")],
        ),
        ({"memory_available_gib": None, "shm_free_gib": None}, HEALTHY, []),
    ],
)
def test_what_is_wrong_with_a_machine(facts, probe, found):
    assert [(finding.rule, finding.level) for finding in machine.check({**ROOMY, **facts}, probe)] == found


def test_the_facts_of_this_machine():
    facts = machine.facts()
    assert facts["python"].split(".") == [str(part) for part in sys.version_info[:3]]
    assert facts["cpu_cores"] >= 1 and facts["disk_free_gib"] > 0
    assert facts["versions"]["firsthand"] == metadata.version("firsthand")
