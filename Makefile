# The developer's whole interface. `make help` lists it.
SHELL := /bin/bash
PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check -q --retries 5
JOBS ?= 2
T ?=
ARGS ?=
# These run again on the other database: what the store holds must be the same on both.
ON_POSTGRES := $(wildcard tests/store tests/sync tests/writeback tests/intake tests/api)
# Whole processes that are killed, cut off and starved: one after the other, with nothing of ours beside them.
FAULTS := $(addprefix tests/faults/test_,$(addsuffix .py,killed_hubs full_disks large_papers copies soak many_hubs \
	outage poison database_dies bad_lines power upgrade moved_clock))
# In `make faults` the demo's, too.
ALONE := $(FAULTS) tests/cli/test_demo.py
export DJANGO_SETTINGS_MODULE := chartbridge.project.settings

.PHONY: help demo test test-parts check checks format bench faults soak simulate screenshots locks $(addprefix check-,form types doors tables docs)
help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*##/\t/' | expand -t 16

# Stamps say what is installed in .venv: .venv/run for running, .venv/dev for developing (which includes it).
$(PY):
	scripts/make-venv

.venv/run: requirements.lock pyproject.toml | $(PY)
	@echo "Installing what Chartbridge needs into .venv"
	@test -e .venv/dev || $(PIP) install --require-hashes -r requirements.lock
	@test -e .venv/dev || $(PIP) install --no-deps -e .
	@touch $@

.venv/dev: requirements-dev.lock pyproject.toml | $(PY)
	@echo "Installing what developing Chartbridge needs into .venv"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps -e .
	@touch $@ .venv/run

demo: .venv/run  ## a practice for trying out, on this machine; ARGS="--seconds 60 --json report.json" ends by itself
	@.venv/bin/chartbridge demo $(ARGS)

test-parts: .venv/dev  ## install the real servers and the browser that the tests use (apt-get; root or sudo)
	@scripts/install-test-parts

ifdef T
test: .venv/dev test-parts  ## the whole suite; T=path for a part of it
	.venv/bin/pytest $(T)
else
test: .venv/dev test-parts
	$(MAKE) check
	.venv/bin/pytest tests $(addprefix --ignore=,$(FAULTS)) -n $(JOBS) --dist loadfile
	.venv/bin/pytest $(FAULTS)
	CHARTBRIDGE_TEST_DATABASE=postgres .venv/bin/pytest $(ON_POSTGRES) -n $(JOBS) --dist loadfile
endif

check: .venv/dev  ## form, types, imports between rooms, migrations, docs; under a minute
	@$(MAKE) --no-print-directory -j2 -O -k checks
checks: check-types check-form check-doors check-tables check-docs
check-form:
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/ruff check --quiet .
	@.venv/bin/deptry src --no-ansi >/dev/null 2>&1 || .venv/bin/deptry src
check-types:
	@.venv/bin/mypy --no-error-summary
check-doors:
	@.venv/bin/lint-imports --no-logo >/dev/null || .venv/bin/lint-imports
check-tables:
	@CHARTBRIDGE_DATABASE_URL= CHARTBRIDGE_DATA=$$(mktemp -d) $(PY) -m django makemigrations --check --dry-run
check-docs:
	@.venv/bin/pytest -q tests/docs tests/faults/test_reliability_page.py

format: .venv/dev  ## put code into its form
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

bench: .venv/dev test-parts  ## measure the numbers of docs/benchmarks.md
	$(PY) -m bench $(ARGS)

faults: .venv/dev test-parts  ## play every fault of docs/reliability.md at full size against real servers, about two hours; T=path for a part
	@CHARTBRIDGE_FAULTS=full $(PY) -m tests.faults.stages --jobs $(JOBS) --alone $(ALONE) --only $(T) -- $(ARGS)

soak: .venv/dev test-parts  ## mixed faults on the running product; ARGS="--minutes 10 --seed 1"
	@$(PY) -m tests.faults.soak $(ARGS)

simulate: .venv/dev  ## more seeds of the simulated engine; ARGS="--seeds 50000 --from 0"
	$(PY) -m tests.simulation $(ARGS)

screenshots: .venv/dev test-parts  ## take the README's pictures from a running demo
	$(PY) scripts/screenshots.py $(ARGS)

locks: .venv/dev  ## write the lock files anew from pyproject.toml
	.venv/bin/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header \
		--generate-hashes pyproject.toml -o requirements.lock
	.venv/bin/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header \
		--generate-hashes --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
