"""A small repository in a temporary folder: two recipes without a fault and every file that they name."""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from firsthand.doctor import recipes
from firsthand.findings import Finding

LF_TRAIN = """\
    model_name_or_path: Qwen/Qwen3-VL-4B-Instruct
    stage: sft
    do_train: true
    finetuning_type: lora
    lora_target: all
    freeze_vision_tower: true
    dataset_dir: .
    media_dir: media
    dataset: choice
    template: qwen3_vl_nothink
    cutoff_len: 4096
    video_fps: 1.0
    output_dir: runs/sft
    learning_rate: 1e-4
    bf16: true
"""
LF_EXPORT = """\
    model_name_or_path: Qwen/Qwen3-VL-4B-Instruct
    adapter_name_or_path: adapter
    template: qwen3_vl_nothink
    export_dir: runs/merged
"""
VERL = """\
    defaults: [ppo_trainer, _self_]
    data:
      train_files: rows.parquet
      val_files: rows.parquet
      train_batch_size: 8
      max_prompt_length: 1024
      max_response_length: 256
    actor_rollout_ref:
      model:
        path: Qwen/Qwen3-VL-4B-Instruct
      actor:
        strategy: fsdp2
        ppo_mini_batch_size: 4
        use_dynamic_bsz: true
      rollout:
        name: vllm
        n: 4
        max_model_len: 1280
        tensor_model_parallel_size: 1
    algorithm:
      adv_estimator: grpo
    reward:
      custom_reward_function:
        path: reward.py
        name: compute_score
        reward_kwargs: {accuracy: 1.0}
    trainer:
      logger: [console]
      n_gpus_per_node: 1
      default_local_dir: runs/${trainer.experiment_name}
"""
# Its rollouts come from a loop file, and are paid by group.
LOOPED = """\
defaults: [ppo_trainer, _self_]
data:
  train_files: rows.parquet
  val_files: rows.parquet
  train_batch_size: 8
  max_prompt_length: 1024
  max_response_length: 500
actor_rollout_ref:
  model: {path: Qwen/Qwen3-VL-4B-Instruct}
  actor: {strategy: fsdp2, ppo_mini_batch_size: 4, use_dynamic_bsz: true}
  rollout:
    name: vllm
    n: 4
    max_model_len: 1524
    tensor_model_parallel_size: 1
    agent: {agent_loop_config_path: loops.yaml}
algorithm: {adv_estimator: grpo, norm_adv_by_std_in_grpo: false}
reward:
  custom_reward_function: {path: reward.py, name: compute_score}
trainer:
  logger: [console]
  n_gpus_per_node: 1
  default_local_dir: runs/x
  v1:
    sampler:
      custom_sampler: {path: pkg://firsthand.training.replay_buffer, name: GroupReplayBuffer}
      sampler_kwargs: {group_rewards: {temporal: {bonus: 0.3}}}
"""
GOOD = {"lf": LF_TRAIN, "export": LF_EXPORT, "verl": VERL}
ENTRY = {
    "file_name": "rows.json",
    "formatting": "sharegpt",
    "columns": {"messages": "messages", "images": "images", "videos": "videos"},
    "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"},
}
REWARD = """\
def compute_score(data_source, solution_str, ground_truth, extra_info, accuracy=1.0):
    return accuracy * (f"<answer>{ground_truth}</answer>" in solution_str)
"""


def chat(images: list, videos: list, user: str, turns: int = 1) -> dict:
    pair = [{"role": "user", "content": user}, {"role": "assistant", "content": "A"}]
    return {
        "messages": pair + (turns - 1) * [{**pair[0], "content": "and?"}, pair[1]],
        "images": images,
        "videos": videos,
    }


def verl_row(**changes) -> dict:
    row = {
        "prompt": [{"role": "user", "content": "<image> Where?"}],
        "images": ["media/a.png"],
        "data_source": "toy",
        "reward_model": {"ground_truth": "A"},
    }
    return row | changes


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "media").mkdir()
    (tmp_path / "adapter").mkdir()
    for name in ("a.png", "f0.png", "f1.png"):
        Image.new("RGB", (64, 64)).save(tmp_path / "media" / name)
    rows = [chat(["a.png"], [], "<image> Where?"), chat([], [["f0.png", "f1.png"]], "<video> What?")]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    (tmp_path / "dataset_info.json").write_text(json.dumps({"choice": ENTRY}, indent=2))
    pq.write_table(pa.Table.from_pylist([verl_row()]), tmp_path / "rows.parquet")
    (tmp_path / "reward.py").write_text(REWARD)
    return tmp_path


Lint = Callable[..., list[Finding]]


@pytest.fixture
def lint(workshop: Path) -> Lint:
    """Write a recipe: a good one with a line replaced, or any text; return what is found."""

    def run(kind: str = "", old: str = "", new: str = "", text: str | None = None) -> list[Finding]:
        good = textwrap.dedent(GOOD[kind]) if text is None else text
        assert old in good, f"{old!r} is not in the recipe"
        path = workshop / "recipe.yaml"
        path.write_text(good.replace(old, new, 1) if old else good + new)
        return list(recipes.check(Path("recipe.yaml")).findings)

    return run


def marked(text: str, mark: str = "# <-") -> int:
    """The number of the line that carries the mark."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if mark in line)
