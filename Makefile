# The only door: every command a person or CI needs. `make` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo dev test check fix bench soak lowest lock

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# Tests mostly wait for the processes they start, so two at a time take little more than half as long.
JOBS   ?= 2

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# Pins with hashes first, then the project itself without resolving anything again.
$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11 or newer, or say make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Ferryman needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) --version`. Say make PYTHON=/path/to/a/newer/python3"; exit 1; }
	@echo "Creating $(VENV) and installing the pinned packages into it (about a minute, once)" >&2
	@$(PYTHON) -m venv $(VENV) || { echo "Debian keeps venv in a package of its own: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(STAMP) ## create .venv with everything pinned

demo: $(STAMP) ## carry a real Trac project across, end to end
	@$(BIN)/ferryman demo $(ARGS)

dev: $(STAMP) ## a platform on the virtual clock, for working on an app
	@$(BIN)/ferryman serve --data-dir .ferryman --port 8400 --clock virtual $(ARGS)

test: $(STAMP) ## all tests
	@$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile $(ARGS)

check: $(STAMP) ## lint, types and layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

fix: $(STAMP) ## format and mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP) ## all benchmarks, or one: make bench NAME=uploads; JSON=1 for machines, SAVE=1 for bench/RESULTS.md
	@$(BIN)/python -m bench $(NAME)

soak: $(STAMP) ## the long form of the crash tests
	@FERRYMAN_SOAK=1 $(BIN)/python -m pytest -m soak --timeout 3600 $(ARGS)

lowest: ## tests of the SDK, store and API with the lowest versions allowed; before a release and when a bound changes
	@$(PYTHON) -m venv .lowest && .lowest/bin/python -m pip install --quiet uv
	@.lowest/bin/uv pip install --quiet --python .lowest/bin/python --resolution lowest-direct '.[server,async]'
	@.lowest/bin/uv pip install --quiet --python .lowest/bin/python --group dev '.[server,async]'
	@.lowest/bin/python -m pytest -p no:cacheprovider --numprocesses $(JOBS) --dist loadfile tests/sdk tests/api tests/objects tests/store tests/test_bounds.py $(ARGS)
	@rm -rf .lowest

lock: ## write constraints.txt anew from pyproject.toml
	@$(PYTHON) -m venv .lock && .lock/bin/python -m pip install --quiet uv
	@.lock/bin/uv pip compile pyproject.toml --extra demo --extra async --group dev --universal \
	  --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet \
	  --no-emit-find-links --output-file constraints.txt --no-emit-package ferryman
	@rm -rf .lock
