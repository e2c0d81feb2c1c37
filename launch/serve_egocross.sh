#!/usr/bin/env bash
# Serve a model for EgoCross with vLLM: the longest questions (91 frames) fit, and frames may be read by path.
#   launch/serve_egocross.sh [--dry-run] MODEL [vllm serve options ...]
#   launch/serve_egocross.sh runs/sft_egocross_lora_merged --tensor-parallel-size 2
# Then, as often as you like: firsthand eval run egocross --server http://127.0.0.1:8000 --by-path --out runs/egocross/a
# MEDIA (datasets/egocross_test/media) is the folder that it may read frames from. PORT and NAME: see launch/serve.sh.
# Hardware: 1 x 24 GB for a model of 4 B parameters; not measured.
set -euo pipefail
launcher=$0 root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/launch/common.sh"
media=$(realpath -m "${MEDIA:-$root/datasets/egocross_test/media}")
DRY_RUN=${DRY_RUN:-} exec "$root/launch/serve.sh" "$1" --max-model-len 32768 --limit-mm-per-prompt '{"image": 96}' \
  --allowed-local-media-path "$media" "${@:2}"
