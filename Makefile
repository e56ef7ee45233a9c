# The developer's interface. `make help` lists it.
SHELL := /bin/bash
PY := .venv/bin/python
export DJANGO_SETTINGS_MODULE := chartbridge.project.settings
T ?= tests

.PHONY: help check test format
help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/'

.venv/dev: requirements-dev.lock pyproject.toml
	test -x $(PY) || python3 -m venv .venv
	$(PY) -m pip -q install --require-hashes -r requirements-dev.lock
	$(PY) -m pip -q install --no-deps -e .
	touch $@

check: .venv/dev  ## format, lint, types, imports, docs; under a minute
	.venv/bin/ruff format --check --quiet src tests
	.venv/bin/ruff check --quiet src tests
	.venv/bin/mypy --no-error-summary
	.venv/bin/lint-imports --no-logo >/dev/null || .venv/bin/lint-imports
	$(PY) -m django makemigrations --check --dry-run >/dev/null

format: .venv/dev  ## put code into its form
	.venv/bin/ruff format src tests
	.venv/bin/ruff check --fix src tests

test: .venv/dev  ## the whole suite, or T=path for a part
	.venv/bin/pytest $(T)
