# The two commands of the README, and what they are made of.
SHELL := /bin/bash
.DEFAULT_GOAL := help
SUITES := trixie unstable
# Tests wait for servers much of their time: three run at once on two cores.
WORKERS := $(shell n=$$(nproc); echo $$((n < 3 ? 3 : n > 4 ? 4 : n)))
# A test run starts hundreds of Python programs: each would compile this project anew.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help setup demo test test-all test-versions lint types style contracts definitions unit bench docs

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## Install what is missing: system packages, .venv, pinned dependencies
	@bash deploy/setup.sh

demo: setup ## The whole cycle on real servers, then the Dagster UI (ARGS=--no-ui to leave that out)
	@.venv/bin/printflow demo $(ARGS)

test: setup lint ## Lint, types, architecture, unit and stack tests
	.venv/bin/pytest -n $(WORKERS) --dist=loadfile --no-loadscope-reorder -m "not exhaustive" $(ARGS)

test-all: setup lint ## As test, and every further member of kinds of which test tries the first
	.venv/bin/pytest -n $(WORKERS) --dist=loadfile --no-loadscope-reorder --hypothesis-profile=exhaustive $(ARGS)

test-versions: ## The demo and the tests on other releases of Debian, each in a throwaway root (SUITES=trixie ARGS=--durations=50; needs root)
	@bash deploy/test-versions.sh $(SUITES)

lint: setup ## Ruff, mypy --strict, the import contracts, dg check defs and dg list defs
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target types style contracts definitions

types:
	.venv/bin/mypy

style:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

contracts:
	.venv/bin/lint-imports

definitions:
	home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && printf 'telemetry:\n  enabled: false\n' >"$$home/dagster.yaml" && \
		export DAGSTER_HOME=$$home DAGSTER_DISABLE_TELEMETRY=yes DAGSTER_DG_UPDATE_CHECK_ENABLED=0 VIRTUAL_ENV=.venv && \
		.venv/bin/dg check defs --use-active-venv && .venv/bin/dg list defs --json >"$$home/defs.json"

unit: setup ## The tests that need no servers
	.venv/bin/pytest -n $(WORKERS) -m "not stack" $(ARGS)

bench: setup ## Side by side: reconciliation against a bare LIST, the sweep against qpdf, the drill against the raw commands, verification against pgbackrest verify, continuity against repo-ls, a dump against pg_dump | zstd
	.venv/bin/python -m printflow_reliability_tests.benchmarks $(ARGS)

docs: setup ## Write the pages of docs/ that are made of the program: configuration.md, commands.md
	.venv/bin/printflow config reference > docs/configuration.md
	.venv/bin/python -m printflow_reliability_tests.command_reference > docs/commands.md
