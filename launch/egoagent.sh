#!/usr/bin/env bash
# EgoAgent on all GPUs of this machine through torchrun, or on the CPU if there is no GPU.
#   launch/egoagent.sh [--dry-run] RECIPE [key=value ...]
#   launch/egoagent.sh recipes/egoagent/stage1_300m.yaml machine.sharding=fsdp2
# NPROC: processes on this machine (default: one a GPU). Several machines: the same command on each, with NNODES, NODE_RANK,
# MASTER_ADDR and MASTER_PORT set. What a recipe needs: firsthand egoagent train RECIPE --dry-run
set -euo pipefail
launcher=$0 root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/launch/common.sh"
find_recipe "$1"
torchrun=()
if [ -n "${CUDA_VISIBLE_DEVICES-all}" ] && nvidia-smi -L >/dev/null 2>&1; then gpus=gpu; fi
if [ -n "${NPROC:-${gpus:-}}" ]; then
  place=(--standalone)
  if [ "${NNODES:-1}" != 1 ]; then
    place=(--nnodes "$NNODES" --node-rank "${NODE_RANK:?}" --master-addr "${MASTER_ADDR:?}" --master-port "${MASTER_PORT:-29500}")
  fi
  torchrun=(torchrun "${place[@]}" --nproc-per-node "${NPROC:-$gpus}" --no-python)
fi
run "${torchrun[@]}" firsthand egoagent train "$recipe" "${@:2}"
