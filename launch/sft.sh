#!/usr/bin/env bash
# SFT with LLaMA-Factory on all GPUs of this machine, or on the CPU if there is no GPU.
#   launch/sft.sh [--dry-run] RECIPE [key=value ...]
#   launch/sft.sh recipes/sft_qwen3vl.yaml learning_rate=2.0e-5 output_dir=runs/other
# Several machines: the same command on each, with NNODES, NODE_RANK, MASTER_ADDR and MASTER_PORT set.
set -euo pipefail
launcher=$0 root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/launch/common.sh"
find_recipe "$1"
# DeepSpeed needs torchrun even on a single GPU.
torchrun=()
if [ -n "${CUDA_VISIBLE_DEVICES-all}" ] && nvidia-smi -L >/dev/null 2>&1; then torchrun=(FORCE_TORCHRUN=1); fi
run "${torchrun[@]}" llamafactory-cli train "$recipe" "${@:2}"
