"""`python -m firsthand.doctor.fit > docs/hardware.md`, from the root: every full-size recipe on four machines.

The page must not depend on whose data lie here, so rows are not looked at: they are as long as `cutoff_len` allows, or
as the recipe's own header says.
"""

from collections.abc import Iterator
from pathlib import Path

from firsthand.doctor.fit.fit import Asked, Fit, judge, read
from firsthand.doctor.fit.machine import GB, Machine, Phase
from firsthand.doctor.fit.report import gigabytes, host, machine
from firsthand.doctor.fit.rows import Said
from firsthand.errors import UserError

MACHINES = tuple(Machine(gpus, size * GB) for gpus, size in ((1, 24), (1, 80), (4, 80), (8, 80)))
ROWS = {  # tokens of the longest row and of its answer, where the data set is known
    "egocross/sft": Said(21_700, 256, unseen=True),
    "egocross/sft_lora": Said(21_700, 256, unseen=True),
    "egocross/sft_video": Said(11_000, 256, unseen=True),
}
HEAD = """\
# Which recipe fits on which machine

Written by `python -m firsthand.doctor.fit > docs/hardware.md`. **All of it is predicted: no recipe of this size has
been run by us, and no number here was measured on a GPU.** The sums of weights, gradients, optimizer, activations,
logits, attention mask and pictures are compared with the profiler's count of real steps of small models on a CPU, in
float32, and must agree within 15 % (`tests/doctor/fit/test_measured.py`). What a CPU cannot show is read in the sources
or guessed: bfloat16, DeepSpeed, FSDP, the engine's share, what CUDA takes for itself (1.2 GB a process and 6 % of what
comes and goes), and all of host memory. EgoAgent's rows come from its own cost model ([egoagent.md](egoagent.md)).

Your own rows and machine: `firsthand doctor --recipe RECIPE --gpus 4 --memory 80` ([doctor.md](doctor.md)). Whoever
has a GPU can measure fine-tuning, rollouts, a step of GRPO and EgoAgent: `python bench/gpu.py`.

## The table

A cell says the most that one GPU holds, in GB, and whether that fits; a letter is the change that makes it fit, listed
below. Under it: GB of host memory, and CPUs. On 8 GPUs an update of fine-tuning has 8 times the rows of one GPU.
"""
PARTS = """
## What takes it

The parts of the fullest moment, in GB on one GPU, on the machine that the recipe's header names.
"""


def page(recipes: Path) -> Iterator[str]:
    yield HEAD
    fits, unknown = dict[str, list[Fit]](), list[str]()
    for name in _full_size(recipes):
        try:
            fits |= {name: found} if (found := list(_fits(recipes, name))) else {}
        except UserError:
            unknown.append(f"`{name}`")
    letters: dict[str, str] = {}
    yield "| recipe | rows | " + " | ".join(map(machine, MACHINES)) + " |"
    yield "|---|---|" + "---|" * len(MACHINES)
    for name, found in fits.items():
        cells = [_cell(one, letters) for one in found[:-1]]
        yield f"| `{name}` | {found[0].need.rows} | {' | '.join(cells)} |"
    yield "\nChanges: " + "; ".join(f"**{letter}** `{text}`" for text, letter in letters.items()) + "."
    if unknown:
        yield f"\nNot reckoned, since the shapes of their models are not known: {', '.join(unknown)}."
    yield PARTS
    yield "| recipe | machine | moment | parts |\n|---|---|---|---|"
    for name, found in fits.items():
        worst = found[-1].need.worst
        yield f"| `{name}` | {machine(found[-1].asked.machine)} | {worst.name} | {_parts(worst)} |"


def _full_size(recipes: Path) -> list[str]:
    names = [str(path.relative_to(recipes).with_suffix("")) for path in sorted(recipes.rglob("*.yaml"))]
    return [name for name in names if not name.startswith(("toy/", "shared/")) and "tiny_" not in name]


def _fits(recipes: Path, name: str) -> Iterator[Fit]:
    """On each of the machines, and on that of the header; nothing for a file that trains nothing."""
    path, said = recipes / f"{name}.yaml", ROWS.get(name, Said(unseen=True))
    if given := read(path, Asked(MACHINES[0], said)):
        for one in (*MACHINES, named(path)):
            yield judge(path, given, Asked(one, said))


def named(recipe: Path) -> Machine:
    """The machine of `# Hardware: 4 x 80 GB` in the header."""
    [line] = [line for line in recipe.read_text().splitlines() if line.startswith("# Hardware: ")]
    gpus, memory = line.removeprefix("# Hardware: ").split(" GB")[0].split(" x ")
    return Machine(int(gpus), float(memory) * GB)


def _cell(one: Fit, letters: dict[str, str]) -> str:
    need, how = one.need, "fits" if one.fits else "no"
    if one.ways:
        text, need = one.ways[0]
        how = f"with {letters.setdefault(text, chr(ord('a') + len(letters)))}"
    return f"{how}: {gigabytes(need.worst.total)}<br>{host(need)} GB, {need.cpus} CPUs"


def _parts(phase: Phase) -> str:
    largest = sorted(phase.parts.items(), key=lambda part: -part[1])
    return ", ".join(f"{part} {gigabytes(size)}" for part, size in largest if size >= 0.05 * GB)


if __name__ == "__main__":
    print("\n".join(page(Path("recipes"))))
