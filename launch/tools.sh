#!/usr/bin/env bash
# Serve the tools over week-long video for agents, on this machine only.
#   launch/tools.sh [--dry-run] TOOLS.yaml [firsthand tools serve options ...]
#   launch/tools.sh recipes/ego_r1/tools/egolife.yaml --calls 512
# PORT (8001) and the API keys that TOOLS.yaml names come from the environment.
set -euo pipefail
launcher=$0 root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/launch/common.sh"
find_recipe "$1"
run firsthand tools serve "$recipe" --port "${PORT:-8001}" "${@:2}"
