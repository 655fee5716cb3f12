# Every target sets up .venv by itself: minutes the first time, nothing the next.
#
#   make serve ARGS="--port 9000"                          options go to the command
#   make test  ARGS="tests/model -k attention"
#   make serve PYTHON=/usr/bin/python3.12                  another interpreter for .venv
#   make serve TORCH_INDEX=https://download.pytorch.org/whl/cpu   PyTorch's small CPU build

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
TORCH_INDEX ?=
HOST ?= http://127.0.0.1:8000
CODE := model service tests loadtests

# The first Python >= 3.11 that runs; 3.11 first, because constraints.txt was tested with it.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) --constraint constraints.txt

KERNELS := model/kernels/build.py model/kernels/levels.py $(wildcard model/kernels/src/*.h model/kernels/src/*.cpp)

.PHONY: help serve test coverage mutants check format bench loadtest clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: $(VENV)/.runtime $(VENV)/.kernels  ## Start the service on http://127.0.0.1:8000 (Ctrl-C stops it)
	@exec $(BIN)/dragoman serve $(ARGS)

test: $(VENV)/.dev $(VENV)/.kernels  ## Run the test suite
	$(BIN)/python -m pytest $(ARGS)

coverage: $(VENV)/.dev $(VENV)/.kernels  ## Run the test suite and say which lines it missed
	$(BIN)/python -m pytest --cov --cov-report=term-missing $(ARGS)

mutants: $(VENV)/.dev $(VENV)/.kernels  ## Put small faults into the code and count those that tests notice
	$(BIN)/python -m tests.support.mutants $(ARGS)

check: $(VENV)/.dev  ## Lint, formatting, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## Rewrite the code in the one format, with the safe lint fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev $(VENV)/.kernels  ## Time the engine against its peers on this machine
	$(BIN)/python -m loadtests.engine $(ARGS)

loadtest: $(VENV)/.dev  ## Load a running service for half a minute (HOST=http://127.0.0.1:8000)
	$(BIN)/locust --locustfile loadtests/locustfile.py --host $(HOST) \
		--headless --users 8 --spawn-rate 4 --run-time 30s $(ARGS)

clean:  ## Remove .venv, caches and build products
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache .coverage htmlcov
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# What is installed is recorded in two stamps: what serving needs, and everything else on top.
$(VENV)/.runtime: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing what the service needs into $(VENV); this takes a few minutes the first time."
	$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing the development tools into $(VENV); this takes a few minutes the first time."
	$(PIP_INSTALL) --editable '.[dev]'
	@touch $(VENV)/.runtime $@

# So that nothing compiles while the service starts; without a compiler it says so and goes on.
$(VENV)/.kernels: $(KERNELS) | $(BIN)/python
	@$(BIN)/python -m model.kernels.build
	@touch $@

# No prerequisites, and the interpreter is a link older than most files: only its absence counts.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Dragoman needs Python 3.11 or newer, and none was found." \
		"Name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
