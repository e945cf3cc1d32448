# `make demo` and `make test` do everything on a fresh machine; the rest are their parts.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ORDERS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint up torture bench lifecycle clean

help: ## What can be made
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: set PYTHON to one." >&2; exit 1; }
	@echo "Installing into $(VENV) …" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(READY) ## The environment and the servers' binaries, nothing started
	@$(BIN)/python -m localstack.binaries > /dev/null

demo: setup ## The stories of the protocol on a fresh stack; ORDERS=FILE takes real orders; result in build/demo.json
	@mkdir -p build
	@$(BIN)/disputes demo $(if $(ORDERS),--orders $(ORDERS)) --json build/demo.json

lint: $(READY) ## Style, types and import directions
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

test: setup lint ## Everything that must hold, on the real servers
	@scripts/browser
	@$(BIN)/pytest

up: setup ## The whole local stack in the foreground; Ctrl-C stops it
	@$(BIN)/disputes up

torture: setup ## 5,000 commands and 200 kills, seeded: SEED=n repeats a run
	@$(BIN)/python -m tests.torture.run --commands 5000 --kills 200 $(if $(SEED),--seed $(SEED))

bench: setup ## Speed and memory against the bare workflow of the same shape, as ratios
	@$(BIN)/python -m bench.against_bare

lifecycle: $(READY) ## docs/lifecycle.md from the rules
	@$(BIN)/python -m scripts.lifecycle

clean: ## Removes the environment and everything built
	@rm -rf $(VENV) build .data .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
