# The launchers source this file. The usage text is the header comment of the launcher, and
# DRY_RUN=1 (or --dry-run first) prints the command instead of running it.

die() { printf '\033[31m%s\033[0m\n' "$*" >&2; exit 1; }
usage() { sed -n '2,/^[^#]/ { /^#SBATCH/d; s/^# \{0,1\}//p }' "$launcher"; }
run() { if [ "${DRY_RUN:-}" = 1 ]; then printf '%q ' "$@"; echo; else exec env "$@"; fi; }

if [ "${1:-}" = --dry-run ]; then DRY_RUN=1; shift; fi
case "${1:-}" in
  "") usage >&2; exit 2 ;;
  -h | --help) usage; exit 0 ;;
esac
PATH=$root/.venv/bin:$PATH

# Sets `recipe` to its path from the root of the repository, and goes there: all paths inside recipes start at the root.
find_recipe() {
  [ -f "$1" ] || die "$1: no such recipe; see $root/recipes"
  recipe=$(realpath --relative-to="$root" "$1")
  cd "$root"
}
