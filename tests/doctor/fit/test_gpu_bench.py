"""bench/gpu.py in its tiny size: the command for a machine that nobody here has."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from firsthand.doctor.fit import shapes

pytestmark = pytest.mark.e2e
BENCH = Path(__file__).parents[3] / "bench/gpu.py"
pytest.importorskip("transformers")


def test_every_way_is_trained_and_the_sums_are_near():
    done = subprocess.run([sys.executable, BENCH, "--tiny"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = re.findall(
        r"^(LoRA|all weights) +of (every token|labels) +([\d.]+) +([\d.]+) +([\d.]+) +\d+$", done.stdout, re.M
    )
    assert [line[:2] for line in lines] == [(way, logits) for way in ("LoRA", "all weights")
                                            for logits in ("every token", "labels")]  # fmt: skip
    assert all(0.85 < float(ratio) < 1.15 for *_, ratio in lines), lines


@pytest.mark.parametrize(
    "name", [name for name, one in shapes.RELEASED.items() if one.family in ("qwen2", "qwen3", "qwen3_vl")]
)
def test_random_weights_get_the_shape_of_the_released_model(name):
    spec = importlib.util.spec_from_file_location("gpu", BENCH)
    bench = importlib.util.module_from_spec(spec)
    sys.modules["gpu"] = bench
    spec.loader.exec_module(bench)
    assert shapes.of_config(bench.config(name).to_dict(), Path(name)) == shapes.RELEASED[name]
