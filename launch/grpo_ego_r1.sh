#!/usr/bin/env bash
# Reinforcement learning of an agent with tools, by launch/grpo.sh: each of these names runs the recipe of that name.
#   launch/grpo_ego_r1.sh [--dry-run] [key=value ...]          recommended settings, Qwen2.5 after fine-tuning
#   launch/grpo_ego_r1_paper.sh [--dry-run] [key=value ...]    the published hyper-parameters
#   launch/grpo_ego_r1_qwen3vl.sh [--dry-run] [key=value ...]  Qwen3-VL, which tools give pictures
#   launch/ppo_ego_r1.sh [--dry-run] [key=value ...]           with a critic in place of groups
# Before: firsthand doctor --recipe recipes/grpo_ego_r1.yaml
set -euo pipefail
launcher=$0 root=$(cd "$(dirname "$0")/.." && pwd)
own_recipe=$root/recipes/$(basename "$0" .sh).yaml
. "$root/launch/common.sh"
DRY_RUN=${DRY_RUN:-} exec "$root/launch/grpo.sh" "$own_recipe" "$@"
