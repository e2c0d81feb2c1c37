"""The machine that is asked about, what a recipe needs of it, and the verdict."""

from collections.abc import Mapping
from dataclasses import dataclass

GB = 1e9  # cards have a little more than their name says
CONTEXT = 1.2 * GB  # of CUDA and its libraries, in each process on a GPU: a guess
NCCL = 0.5 * GB  # buffers between GPUs: a guess
SPLIT = 0.06  # of what comes and goes, lost between blocks of memory: a guess


@dataclass(frozen=True)
class Machine:
    gpus: int
    memory: float  # bytes of one GPU


@dataclass(frozen=True)
class Phase:
    """A stretch of the run, and what one GPU holds in it."""

    name: str
    parts: Mapping[str, float]

    @property
    def total(self) -> float:
        return sum(self.parts.values())


@dataclass(frozen=True)
class Need:
    """What a recipe takes on a machine."""

    phases: tuple[Phase, ...]
    host: Mapping[str, float]  # bytes of RAM
    cpus: int
    rows: str  # what was assumed of the data
    notes: tuple[str, ...] = ()
    starts: bool = True  # false where too little is left for the engine to start at all

    @property
    def worst(self) -> Phase:
        return max(self.phases, key=lambda phase: phase.total)

    def fits(self, machine: Machine) -> bool:
        return self.starts and self.worst.total <= machine.memory


def allowance(machine: Machine, passing: float, processes: int = 1) -> float:
    """What no sum of tensors sees: `passing` is the memory that comes and goes."""
    return processes * CONTEXT + (NCCL if machine.gpus > 1 else 0) + SPLIT * passing
