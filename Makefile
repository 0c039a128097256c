# Set-up stays inside this folder (.venv) and the caches of pip and Maven.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test check soak train-default evaluate-default reference-table clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 20

demo: .venv/runtime ## run the main job, embedded: traffic, tail, model, alerts, web page
	$(BIN)/weirlog demo --seconds 20

test: .venv/dev ## format, lint, types and tests
	.ci/check

check: test

soak: .venv/dev ## prove for hours that nothing is lost: make soak SOAK_KILLS=1000 SOAK_SECONDS=3600
	$(BIN)/python -Im pytest -s --timeout=0 -o python_files='soak_*.py' tests/soak

train-default: .venv/dev ## train the shipped model: make train-default DATA=DIR OUT=DIR
	$(BIN)/python -m weirlog.models.default_training train --data "$(DATA)" --out "$(OUT)"

evaluate-default: .venv/dev ## measure the shipped model: make evaluate-default DATA=DIR [TEXTS=tests/ninth_look] [OUT=PAGE.md]
	$(BIN)/python -m weirlog.models.default_training evaluate --data "$(DATA)" --texts $(or $(TEXTS),tests) $(if $(OUT),--out "$(OUT)")

reference-table: .venv/dev ## train every reference preset and time it against plain Keras: models/REFERENCE.md
	$(BIN)/python -m weirlog.models.reference_table --out models/REFERENCE.md

clean: ## remove everything that was installed or built here
	rm -rf .venv build .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/runtime: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/dev: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[train,dev]'
	touch $@ .venv/runtime
