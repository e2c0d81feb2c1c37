# `make help` lists the targets.
EXTRA ?= cpu
SEED ?= 0
DEMO ?= agent
BIN := .venv/bin
# A file stays in one process: what its tests share is made once.
TWO := -n 2 --dist loadfile
E2E := $(TWO) --no-loadscope-reorder --durations=10
# Threads that wait in a loop slow down every other process of a small machine.
test test-all: export OMP_NUM_THREADS ?= 1
test test-all: export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: help setup demo demo-seeds test test-all lint bench clean
help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1@\2/' | column -t -s @

setup:  ## the environment alone; EXTRA=cuda on a GPU machine
	@bash launch/setup.sh $(EXTRA)

demo: setup  ## the whole loop on a toy week: DEMO=agent (tools over memory), choice (pictures), egoagent; SEED=0
	@$(BIN)/firsthand demo run $(DEMO) --seed $(SEED)

demo-seeds: setup  ## three seeds of the demo, and their table into docs/results.md
	@$(BIN)/firsthand demo seeds $(DEMO) --seeds 0,1,2 --results docs/results.md

test: setup lint  ## lint, unit tests and end-to-end tests of the real frameworks
	@$(BIN)/python -m pytest -q -m "not e2e and not long" $(TWO) --durations=10
	@$(BIN)/python -m pytest -q -m "e2e and not long" $(E2E)

test-all: setup lint  ## everything: also the second tier of CONTRIBUTING.md
	@$(BIN)/python -m pytest -q -m "not e2e" $(TWO) --hypothesis-profile=long
	@$(BIN)/python -m pytest -q -m "e2e" $(E2E)

lint: setup  ## ruff and mypy
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: setup  ## every measurement of bench/
	@for script in $(wildcard bench/*.py); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

clean:  ## runs, outputs and the environment
	rm -rf runs outputs .venv
