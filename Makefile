# The only entry point: every command a person or CI needs. `make` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo dev java wheel sdist test test-fast facts mutants check fix bench screenshots soak soak-tests bare-root lowest lock notices

# An environment without a PATH, as `env -i` makes it: Python would not find itself.
PATH   ?= /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# The demo needs a third of the packages, unless all are there already.
DEMO_STAMP := $(if $(wildcard $(STAMP)),$(STAMP),$(VENV)/.installed-demo)
# On a terminal pip shows its own progress; a log needs only the steps.
PIP_QUIET := $(shell [ -t 2 ] || echo --quiet)
# A test run starts some thousand processes: without bytecode each compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE
# Tests mostly wait for the processes they start: three at a time were 13 % faster than two on two cores.
JOBS   ?= 3

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# Pins with hashes first, then the project itself without resolving anything again.
# install(file of pins, what it is for)
define install
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11 or newer, or say make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Ferryman needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) --version`. Say make PYTHON=/path/to/a/newer/python3"; exit 1; }
	@echo "1 of 3: creating $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV) || { echo "Debian keeps venv in a package of its own: apt-get install python3-venv"; exit 1; }
	@echo "2 of 3: installing the pinned packages $(2) into it (about a minute, once)" >&2
	@$(BIN)/python -m pip install $(PIP_QUIET) --disable-pip-version-check --require-hashes -r $(1) >&2
	@echo "3 of 3: installing Ferryman itself" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >&2
	@touch $@
endef

$(STAMP): pyproject.toml constraints.txt
	$(call install,constraints.txt,for development)

$(VENV)/.installed-demo: pyproject.toml constraints-demo.txt
	$(call install,constraints-demo.txt,of the demo)

setup: $(STAMP) ## create .venv with everything pinned

demo: $(DEMO_STAMP) ## carry a real Trac project across, end to end
	@$(BIN)/ferryman demo $(ARGS)

dev: $(STAMP) ## a platform on the virtual clock, for working on an app
	@$(BIN)/ferryman serve --data-dir .ferryman --port 8400 --clock virtual $(ARGS)

test: $(STAMP) ## all tests; up to ten that fail run once more, by themselves
	@$(BIN)/python -m tools.rerun --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-fast: $(STAMP) ## tests that start no processes: rules, services, SDK
	@$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder --fast $(ARGS)

facts: $(STAMP) ## count what the tests check: statements, refusals, cases; to compare commits
	@$(BIN)/python -m tools.facts $(ARGS)

# A change that is noticed costs a quarter of a second of a processor, a survivor up to seven.
mutants: $(STAMP) ## change the domain's rules one at a time: which changes do its tests not notice?
	@$(BIN)/python -m tools.mutation --sample 400 $(ARGS)

# For server apps in Java; nothing else needs a JDK. The agent runs on Java 11, and is built by 17 or
# newer. Every entry of the jar has one date and its place, so the same sources make the same bytes.
JAR          := src/ferryman/java/ferryman-agent.jar
JAVA_SOURCES := $(sort $(shell PATH="$(PATH)" find java/src -name '*.java'))
JAVA_CLASSES := java/.classes

$(JAR): $(JAVA_SOURCES) pyproject.toml
	@command -v javac >/dev/null && command -v jar >/dev/null || { echo "javac was not found: install a JDK from 17 on, such as apt-get install openjdk-17-jdk-headless"; exit 1; }
	@rm -rf $(JAVA_CLASSES)
	@javac -J-XX:TieredStopAtLevel=1 -J-XX:+UseSerialGC --release 11 -Xlint:all -Xdoclint:all/public "-Xdoclint/package:io.ferryman,com.atlassian.*" -Werror -d $(JAVA_CLASSES) $(JAVA_SOURCES)
	@sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml >$(JAVA_CLASSES)/io/ferryman/http/version
	@cd $(JAVA_CLASSES) && find . -type f ! -name files | sed 's,^\./,,' | LC_ALL=C sort >files
	@cd $(JAVA_CLASSES) && jar --create --date 2020-01-01T00:00:00Z --main-class io.ferryman.agent.Main --file agent.jar @files
	@mv $(JAVA_CLASSES)/agent.jar $@
	@rm -rf $(JAVA_CLASSES)

java: $(JAR) ## build ferryman-agent.jar, which runs listeners written in Java

# Hatchling gives every file in it one date, so the same sources make the same bytes.
wheel: $(STAMP) ## build dist/ferryman-VERSION-py3-none-any.whl, to install elsewhere
	@if command -v javac >/dev/null; then $(MAKE) --no-print-directory java; else echo "javac was not found: this wheel runs no listeners in Java"; fi
	@$(BIN)/python -m hatchling build --target wheel

sdist: $(STAMP) ## build dist/ferryman-VERSION.tar.gz: the sources with tests and docs
	@$(BIN)/python -m hatchling build --target sdist

check: $(STAMP) ## lint, types and layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

fix: $(STAMP) ## format and fix what can be fixed
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP) ## all benchmarks in half an hour, FULL=1 at full size, or one: NAME=uploads; a cut run goes on; JSON=1, SAVE=1
	@$(BIN)/python -m bench $(NAME)

screenshots: $(STAMP) ## the pictures of the console in README and docs, again; needs Chromium and npm
	@$(BIN)/python -m tools.screenshots

# The folder .soak has what a run needs to go on; ARGS="--new" begins again, "--help" lists the rest.
soak: $(STAMP) ## kill platform, store and database at random for MINUTES (60); again goes on
	@$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),60) $(ARGS)

soak-tests: $(STAMP) ## the long form of the crash tests
	@FERRYMAN_SOAK=1 $(BIN)/python -m pytest -m soak --timeout 3600 $(ARGS)

# As root on Debian, with debootstrap and buildah: some minutes, and a mirror of packages.
bare-root: $(STAMP) ## install wheel, unit and image on a bare Debian by the lines of the page
	@FERRYMAN_BARE_ROOT=1 $(BIN)/python -m pytest tests/deploy/test_bare_root.py -p no:randomly $(ARGS)

# Ten to twenty minutes on two cores, so CI does not call it.
lowest: ## tests of the SDK, store and API with the lowest versions allowed; before a release and when a bound changes
	@$(PYTHON) -m venv .lowest && .lowest/bin/python -m pip install --quiet uv
	@.lowest/bin/uv pip install --quiet --python .lowest/bin/python --resolution lowest-direct '.[server,async]'
	@.lowest/bin/uv pip install --quiet --python .lowest/bin/python --group dev '.[server,async]'
	@.lowest/bin/python -m pytest -p no:cacheprovider --numprocesses $(JOBS) --dist loadfile tests/sdk tests/api tests/objects tests/store tests/test_bounds.py $(ARGS)
	@rm -rf .lowest

COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --quiet \
  --no-header --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-package ferryman

lock: ## write the files of pins again from pyproject.toml
	@$(PYTHON) -m venv .lock && .lock/bin/python -m pip install --quiet uv
	@.lock/bin/$(COMPILE) --extra demo --extra async --extra mcp --group dev --output-file constraints.txt
	@.lock/bin/$(COMPILE) --extra demo --group build --constraint constraints.txt --output-file constraints-demo.txt
	@rm -rf .lock

notices: $(STAMP) ## write the pins of the wheel, THIRD-PARTY.md and the bill of materials from what is pinned
	@$(BIN)/python -m tools.third_party
