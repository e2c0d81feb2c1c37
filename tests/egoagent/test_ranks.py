"""Two ranks over gloo: DDP through Accelerate, and FSDP2 by hand, which Accelerate offers on accelerators only."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from .test_train import weights

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("ranks")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([*command, Path(__file__).with_name("rank_runs.py"), out], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(out / "found.pt") | {"folder": out}


def difference(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def test_a_run_on_two_ranks_resumes_to_the_last_bit(found) -> None:
    assert difference(found["whole"], found["resumed"]) == 0


def test_two_ranks_are_one_rank_with_two_micro_batches(found, train) -> None:
    trainer = train(to=4, batch__micro_batches=2)
    assert difference(found["whole"], weights(trainer)) == 0


def test_a_run_of_two_ranks_goes_on_alone_with_two_micro_batches(found, train) -> None:
    trainer = train(to=4, output_dir=str(found["folder"] / "cut"), batch__micro_batches=2)
    assert difference(found["whole"], weights(trainer)) == 0


def test_fsdp2_is_one_process(found) -> None:
    """Student, teacher (an average of shards) and centres."""
    assert difference(found["sharded"], found["alone"]) < 2e-6
