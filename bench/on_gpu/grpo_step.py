"""Two steps of GRPO by veRL with pictures, and the seconds of each part: rollouts, probabilities, update, weights.

The recipe is ours for one GPU (LoRA, recipes/grpo_qwen3vl_choice_lora.yaml), or its twin. Rows are noise in pictures,
so nothing can be learnt. The first step compiles and warms up; the figures are those of the second.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from on_gpu import folder

ROOT = Path(__file__).parents[2]
PACKAGES = ("verl", "vllm")
SHOWN = ("gen", "reward", "old_log_prob", "ref_log_prob", "update_actor", "update_weights", "step")


def run(model: str, tiny: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        where = folder.make(model, out / "model", weights=True)
        prompts = 4 if tiny else 16
        write_rows(out, 2 * prompts, (128, 96) if tiny else (1024, 768), pictures=1 if tiny else 4)
        log = out / "log"
        with log.open("w") as handle:
            done = subprocess.run(command(where, out, prompts, tiny), cwd=ROOT, stdout=handle, stderr=handle)
        if done.returncode:
            print(f"GRPO: failed with code {done.returncode}\n{log.read_text()[-3000:]}")
            raise SystemExit(1)
        show(model, metrics(out)[2])


def write_rows(out: Path, count: int, size: tuple[int, int], pictures: int) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    from firsthand.question import Question
    from firsthand.rollout.prompt import verl_row

    rng, rows = np.random.default_rng(0), []
    for number in range(count):
        images = [f"{number}_{place}.jpg" for place in range(pictures)]
        for image in images:
            Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8)).save(out / image)
        question = Question(
            id=f"q{number}", question="what do i hold ?", options={"A": "cup", "B": "can", "C": "pen", "D": "key"},
            answer="ABCD"[number % 4], style="choice", data_source="bench", split="train", images=images,
        )  # fmt: skip
        rows.append(verl_row(question, number))
    pq.write_table(pa.Table.from_pylist(rows), out / "rows.parquet")


def command(where: Path, out: Path, prompts: int, tiny: bool) -> list[str]:
    variables = "ray_kwargs.ray_init.runtime_env.env_vars"
    recipe = "tiny_grpo_qwen3vl_choice_lora" if tiny else "grpo_qwen3vl_choice_lora"
    own = [] if tiny else ["shared@_global_=one_gpu_80", "hydra.searchpath=[file://recipes/shared]"]
    return [
        sys.executable, "-m", "verl.trainer.main_ppo", "--config-dir", "recipes", "--config-name", recipe,
        f"actor_rollout_ref.model.path={where}", f"data.train_files={out}/rows.parquet",
        f"data.val_files={out}/rows.parquet", f"data.media.root={out}", f"data.train_batch_size={prompts}",
        f"actor_rollout_ref.actor.ppo_mini_batch_size={prompts}", "trainer.total_training_steps=2",
        "trainer.total_epochs=100", "trainer.val_before_train=False", "trainer.test_freq=-1", "trainer.save_freq=-1",
        f"trainer.default_local_dir={out}/grpo", f"hydra.run.dir={out}/hydra", "trainer.logger=[console,file]",
        f"++{variables}.VERL_FILE_LOGGER_ROOT={out}/metrics", *own,
    ]  # fmt: skip


def metrics(out: Path) -> dict[int, dict[str, Any]]:
    lines = [json.loads(line) for file in out.glob("metrics/*/*.jsonl") for line in file.read_text().splitlines()]
    return {line["step"]: line["data"] for line in lines}


def show(model: str, found: dict[str, Any]) -> None:
    whole = found["timing_s/step"]
    print(f"{model}: one step of GRPO with LoRA, {found.get('perf/total_num_tokens', 0):,.0f} tokens")
    for name in SHOWN:
        if (seconds := found.get(f"timing_s/{name}")) is not None:
            print(f"{name:14} {seconds:8.2f} s {seconds / whole:6.0%}")
    if memory := found.get("perf/max_memory_allocated_gb"):
        print(f"{'memory':14} {memory:8.1f} GB at the trainer's peak")
