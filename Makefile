# make demo   the whole loop on a toy week, on two CPU cores: traces -> SFT -> export -> GRPO -> serving -> evaluation ->
#             report; DEMO=agent (tools over memory) or DEMO=choice (pictures and videos), SEED=0
# make test   lint, unit tests and the end-to-end tests of the real frameworks
# make setup  the environment alone; EXTRA=cuda on a GPU machine
EXTRA ?= cpu
SEED ?= 0
DEMO ?= agent
BIN := .venv/bin

.PHONY: setup demo demo-seeds test lint bench clean
setup:
	@bash launch/setup.sh $(EXTRA)

demo: setup
	@$(BIN)/firsthand demo run $(DEMO) --seed $(SEED)

demo-seeds: setup  # three seeds, and their table into docs/results.md
	@$(BIN)/firsthand demo seeds $(DEMO) --seeds 0,1,2 --results docs/results.md

test: setup lint
	@$(BIN)/python -m pytest -q -m "not e2e and not slow" -n 2
	@$(BIN)/python -m pytest -q -m "e2e" -n 2 --dist loadfile --no-loadscope-reorder --durations=10

lint: setup
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: setup
	@for script in $(wildcard bench/*.py); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

clean:
	rm -rf runs outputs .venv
