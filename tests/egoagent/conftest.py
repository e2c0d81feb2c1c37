"""A model and a recipe as small as they can be, and noise to train on."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from accelerate.state import AcceleratorState  # noqa: E402

from .worlds import noise, recipe_of  # noqa: E402


@pytest.fixture(autouse=True)
def one_run_a_process(monkeypatch) -> Iterator[None]:
    """Accelerate keeps the state of a run in the process, and gives it to the next one."""
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    before, threads = dict(os.environ), torch.get_num_threads()
    torch.set_num_threads(1)  # another number of threads sums in another order
    yield
    torch.set_num_threads(threads)
    AcceleratorState._reset_state(True)
    for name in os.environ.keys() - before.keys():
        del os.environ[name]


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., Any]:
    """Trains a tiny recipe, changed by dotted keys, on noise; returns the trainer."""
    from firsthand.egoagent.training.train import Trainer

    def run(stage: str = "stage2", out: str = "run", to: int | None = None, **changes: Any) -> Any:
        AcceleratorState._reset_state(True)
        recipe = recipe_of(stage, tmp_path / out, **changes)
        trainer = Trainer(recipe, noise(recipe))
        if to is None:
            trainer.ended = trainer.run()
        else:
            steps(trainer, to)
        return trainer

    return run


def steps(trainer: Any, to: int) -> None:
    """Trains up to an applied step, as `run` does."""
    from itertools import islice

    parts = trainer.parts()
    trainer.wrapped.train()
    while trainer.progress.step < to:
        trainer.look(trainer.step(list(islice(parts, trainer.recipe.batch.micro_batches))), 1.0)
