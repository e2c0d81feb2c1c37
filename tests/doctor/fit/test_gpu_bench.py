"""bench/gpu.py in its tiny size: the command for a machine that nobody here has."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from firsthand.doctor.fit import shapes

pytestmark = pytest.mark.e2e
BENCH = Path(__file__).parents[3] / "bench/gpu.py"
pytest.importorskip("transformers")


def printed(*options: str | Path, seconds: int = 300) -> str:
    done = subprocess.run([sys.executable, BENCH, "--tiny", *options], capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout
    return done.stdout


def test_every_way_is_trained_and_the_sums_are_near():
    lines = re.findall(
        r"^(LoRA|all weights) +of (every token|labels) +([\d.]+) +([\d.]+) +([\d.]+) +\d+$",
        printed("--parts", "fine_tuning"), re.M,
    )  # fmt: skip
    assert [line[:2] for line in lines] == [(way, logits) for way in ("LoRA", "all weights")
                                            for logits in ("every token", "labels")]  # fmt: skip
    assert all(0.85 < float(ratio) < 1.15 for *_, ratio in lines), lines


def test_both_stages_of_egoagent_are_timed_beside_the_bare_trunk():
    pytest.importorskip("accelerate")
    said = printed("--parts", "egoagent")
    for stage in ("stage1", "stage2"):
        found = re.search(rf"^{stage}: ([\d.]+) images/s", said, re.M)
        assert found and float(found[1]) > 0, said
    assert len(re.findall(r"bare trunk's forward and backward takes [\d.]+%", said)) == 2
    assert len(re.findall(r"memory: [\d.]+ GB by the cost model", said)) == 2


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_rollouts_and_a_step_of_grpo_are_measured_by_part(tmp_path):
    pytest.importorskip("verl")
    said = printed("--parts", "rollout,grpo_step", "--out", tmp_path / "gpu.md", seconds=1200)
    apart = re.search(r"^apart +\d+ tokens/s written, ratio ([\d.]+)$", said, re.M)
    assert apart and float(apart[1]) > 0
    parts = dict(re.findall(r"^(\w+) +([\d.]+) s +\d+%$", said, re.M))
    assert {"gen", "update_actor", "update_weights", "step"} <= parts.keys()
    assert sum(float(seconds) for name, seconds in parts.items() if name != "step") <= 1.05 * float(parts["step"])
    page = (tmp_path / "gpu.md").read_text()
    assert page.startswith("# Measured on a GPU") and "vllm" in page and apart[0] in page


@pytest.mark.parametrize(
    "name", [name for name, one in shapes.RELEASED.items() if one.family in ("qwen2", "qwen3", "qwen3_vl")]
)
def test_random_weights_get_the_shape_of_the_released_model(name, monkeypatch):
    monkeypatch.syspath_prepend(BENCH.parent)
    bench = importlib.import_module("on_gpu.fine_tuning")
    assert shapes.of_config(bench.config(name).to_dict(), Path(name)) == shapes.RELEASED[name]
