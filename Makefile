# Every target makes what it needs; VENV and PYTHON can be set: make test PYTHON=python3.13 VENV=.venv313
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test lint long budgets pictures bench clean

demo: $(VENV)/.installed
	$(BIN)/quantdeck demo

test: $(VENV)/.tested
	$(BIN)/python -m pytest -n 2 -q

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	sh tools/lint_installed.sh $(BIN)

long: $(VENV)/.tested
	$(BIN)/python -m pytest -q -m "slow or sanitizer"

budgets: $(VENV)/.tested
	$(BIN)/python -m pytest -q -s -m budget

pictures: $(VENV)/.installed
	$(BIN)/python docs/make_pictures.py

bench: $(VENV)/.installed
	$(BIN)/python benchmarks/kernels.py
	$(BIN)/python benchmarks/calibration_passes.py

$(VENV)/bin/python:
	sh tools/check_system.sh $(PYTHON)
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml setup.py engine/ops_c/build.py $(wildcard engine/ops_c/src/*)
	@echo "installing quantdeck and what it stands on into $(VENV): about a minute the first time"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.tested: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	@touch $@

$(VENV)/.dev: $(VENV)/.tested
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test,dev]"
	@touch $@

clean:
	rm -rf build dist *.egg-info $(VENV) engine/ops_c/_kernels*
