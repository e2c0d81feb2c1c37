#!/usr/bin/env bash
# Serve a model with vLLM behind an OpenAI-compatible API, at http://127.0.0.1:8000.
#   launch/serve.sh [--dry-run] MODEL [vllm serve options ...]
#   launch/serve.sh runs/sft_qwen3vl_merged --max-model-len 16384 --tensor-parallel-size 2
# PORT (8000), NAME (last part of MODEL) and LENGTH (auto: the model's own, or what fits) come from the environment.
# It listens on this machine only.
set -euo pipefail
launcher=$0 root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/launch/common.sh"
model=$1 cpu_env=() cpu_options=()
if ! nvidia-smi -L >/dev/null 2>&1; then
  cpu_env=(VLLM_TARGET_DEVICE=cpu VLLM_CPU_KVCACHE_SPACE=1 VLLM_CPU_OMP_THREADS_BIND=nobind VLLM_ENABLE_V1_MULTIPROCESSING=0)
  cpu_options=(--enforce-eager --dtype float32 --max-num-seqs 32 --distributed-executor-backend uni)
fi
run "${cpu_env[@]}" vllm serve "$model" --served-model-name "${NAME:-$(basename "$model")}" \
  --host 127.0.0.1 --port "${PORT:-8000}" --max-model-len "${LENGTH:-auto}" "${cpu_options[@]}" "${@:2}"
