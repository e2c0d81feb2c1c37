"""The keys of a recipe of `firsthand curriculum run`. Unknown keys are errors that name the right one."""

from pathlib import Path

from pydantic import Field

from firsthand.curriculum.stagnation import StagnationRules
from firsthand.tools.settings import Strict


class Served(Strict):
    """How `vllm serve` serves the policy of a round, on this machine."""

    max_model_len: int | None = None
    options: list[str] = []  # --block-size 32


class Recipe(Strict):
    train: Path  # the veRL recipe of each round
    overrides: list[str] = []  # key=value for it
    select: Path  # the recipe of `firsthand select run`: pool, regions, sampling, reward, filters
    start: Path  # the rows of the first round: what a selection has chosen, or the pool
    out: Path
    launch: list[str] = ["launch/grpo.sh"]  # gets RECIPE key=value; Slurm: [sbatch, --wait, launch/slurm_grpo.sbatch]
    rounds: int = Field(default=6, ge=1)
    steps: int = Field(default=100, ge=1)  # of a round
    probes: int = Field(default=500, ge=1)
    slice: int = Field(default=2000, ge=1)  # rows of the pool that are scored again for an update
    replay: float = Field(default=0.2, ge=0, le=1)
    stagnation: StagnationRules = StagnationRules()
    serve: Served = Served()
    seed: int = 0

    @property
    def checkpoints(self) -> Path:
        return self.out / "train"

    @property
    def total_steps(self) -> int:
        return self.rounds * self.steps
