#!/usr/bin/env bash
# Reinforcement learning with veRL. With RAY_ADDRESS set it joins that Ray cluster; otherwise it starts one on this machine.
# To join, set RAY_AUTH_MODE=token and the same RAY_AUTH_TOKEN here and for each `ray start`, as launch/slurm_grpo.sbatch does:
# otherwise the head node may take a token that an earlier run left in ~/.ray, and refuses everybody who has none.
#   launch/grpo.sh [--dry-run] RECIPE [key=value ...]
#   launch/grpo.sh recipes/ego_r1/grpo.yaml
#   launch/grpo.sh recipes/grpo_qwen3vl_choice.yaml trainer.n_gpus_per_node=4 trainer.total_training_steps=100
set -euo pipefail
launcher=$0 root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/launch/common.sh"
find_recipe "$1"
run python -m verl.trainer.main_ppo \
  --config-dir "$(dirname "$recipe")" --config-name "$(basename "$recipe" .yaml)" "${@:2}"
