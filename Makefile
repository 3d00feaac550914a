# Everything a person does with a checkout. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE  # compiled once, or each process that a test starts compiles everything again

.PHONY: help install demo test check prove format protos bench bench-engine test-images clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(STAMP): pyproject.toml
	@echo "Making $(VENV) and installing what is needed (two minutes or so the first time)…"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; say which: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

install: $(STAMP)  ## make .venv and install everything

demo: $(STAMP)  ## the main job: three sites train one model on data that never leaves them (KEEP=1 leaves it running)
	@$(BIN)/hyperdatasets demo $(if $(KEEP),--keep)

test: $(STAMP)  ## all tests
	@$(BIN)/python -m pytest -m 'not e2e and not images' -n auto --maxprocesses 4 --dist worksteal
	@$(BIN)/python -m pytest -m e2e

check: $(STAMP)  ## format, lint, types, layers, stubs fresh, fast tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -m 'not e2e and not images and not slow' --hypothesis-profile=check -q \
		-n auto --maxprocesses 4 --dist worksteal

prove: $(STAMP)  ## ask engine and naive evaluator more than 20,000 pairs; versions against their model; 100 kills
	@$(BIN)/python -m pytest tests/unit/test_engine.py --hypothesis-profile=nightly --timeout=7200 -q
	@MODEL_EXAMPLES=$${MODEL_EXAMPLES:-100} $(BIN)/python -m pytest tests/model --timeout=7200 -q
	@HYPERDATASETS_KILLS=$${HYPERDATASETS_KILLS:-100} $(BIN)/python -m pytest tests/e2e/test_kill_9.py -q

format: $(STAMP)  ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only --quiet .

protos: $(STAMP)  ## generate hyperdatasets/v1 from protos/
	@$(BIN)/python protos/generate.py

bench: $(STAMP)  ## measure, each figure beside its baseline
	@$(BIN)/python -m benchmarks

FRAMES ?= 1000000
bench-engine: $(STAMP)  ## the engine beside DuckDB, Lance, SQLite (FRAMES=1000000; 10000000 takes an hour)
	@$(BIN)/pip install --quiet --editable '.[bench]'
	@$(BIN)/python -m benchmarks.engine --frames $(FRAMES) --plot docs/engine.svg

test-images: $(STAMP)  ## build the container images and try them
	@$(BIN)/python -m pytest -m images

clean:  ## remove what make made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
