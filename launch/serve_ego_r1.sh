#!/usr/bin/env bash
# Serve an agent with vLLM behind an OpenAI-compatible API, and also its tools if TOOLS names their YAML.
#   launch/serve_ego_r1.sh [--dry-run] MODEL [PORT] [vllm serve options ...]
#   launch/serve_ego_r1.sh Ego-R1/Ego-R1-Agent-3B 8000 --tensor-parallel-size 2
#   TOOLS=recipes/ego_r1/tools/egolife.yaml launch/serve_ego_r1.sh runs/grpo_ego_r1_merged
# Then: firsthand eval run ego_r1_bench --agent grpo_ego_r1_merged --server http://127.0.0.1:8000 \
#   --loop recipes/ego_r1/loops/egolife.yaml --out runs/ego_r1_bench/grpo
# Any OpenAI client can use function calling: the server parses Hermes calls. With tool_choice "none" it leaves them in the
# text, as `eval run` needs them. Sampling is what the request says; the model's generation_config.json adds nothing.
# PORT, NAME and LENGTH: see launch/serve.sh; TOOLS_PORT is 8001. When one of the two servers ends, the other is stopped.
# Both listen on this machine only.
# Hardware: 1 x 24 GB for a model of 3 B parameters; not measured.
set -euo pipefail
launcher=$0 root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/launch/common.sh"
model=$1
shift
if [[ "${1:-}" =~ ^[0-9]+$ ]]; then export PORT=$1; shift; fi
agent=("$root/launch/serve.sh" "$model" --generation-config vllm
  --enable-auto-tool-choice --tool-call-parser hermes "$@")
export DRY_RUN=${DRY_RUN:-}
[ -n "${TOOLS:-}" ] || exec "${agent[@]}"
tools=(env PORT="${TOOLS_PORT:-8001}" "$root/launch/tools.sh" "$TOOLS")
if [ "$DRY_RUN" = 1 ]; then "${tools[@]}"; exec "${agent[@]}"; fi
[ -f "$TOOLS" ] || die "$TOOLS: no such file; see $root/recipes"
"${tools[@]}" & "${agent[@]}" &
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
trap 'exit 143' TERM INT
wait -n
