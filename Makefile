# make train   train the ALD agent on 9x9 I-Maze; options go through ARGS="--seed 1 --total-timesteps 500000"
# make test    style, types, import contracts and tests
# make lint    of these, all but the tests
# make format  let ruff rewrite what it can
# make docs    the documentation as a site, docs/_build/html/index.html; a warning is an error
# make clean   remove the virtual environment and what the tools left behind; runs/ stays
#
# Each command makes .venv when it is missing and installs into it only when a file that says what to install
# has changed since the last time.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
INSTALLED_DOCS := $(VENV)/installed-docs
PRESET := imaze/ald
ARGS ?=

.PHONY: train test lint format docs clean

train: $(INSTALLED)
	$(BIN)/python -m agents.train --preset $(PRESET) $(ARGS)

test: lint
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile $(ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED_DOCS)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --builder html docs docs/_build/html

# The target is pip and not python: a venv without pip (a system that splits ensurepip off) is made again.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("memory-envs needs Python 3.10 or newer, but $(PYTHON) is " + sys.version.split()[0] + "; choose another with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

# torch goes first and alone: resolved together with the rest, another build than the pinned one may be drawn in.
$(INSTALLED): setup.cfg pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install --constraint constraints.txt torch
	$(BIN)/python -m pip install --constraint constraints.txt --editable ".[agents,test]"
	touch $@

$(INSTALLED_DOCS): $(INSTALLED)
	$(BIN)/python -m pip install --constraint constraints.txt --editable ".[docs]"
	touch $@

clean:
	rm -rf $(VENV) build dist docs/_build *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
