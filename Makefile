# make demo   set up and ask the embedded model about the bundled pictures
# make test   set up and check everything, as CI does
# Needs Python 3.10 or newer and git; everything else goes into .venv.

PYTHON ?= python3
# torch comes from where pip is set up to look. Where that would bring a CUDA build of several GB, give the index of
# PyTorch's CPU builds (its installation page names it): make demo TORCH_INDEX=...
TORCH_INDEX ?=

BIN := .venv/bin
# Python compiles what is imported when it is; compiling everything at once is half of the time that installing takes.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt

.PHONY: demo test lint format clean

demo: .venv/.installed
	$(BIN)/python examples/demo.py

test: lint
	$(BIN)/python -m pytest -n 2

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv outputs build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Each stamp says that its installation was completed, and after which requirements.
.venv/.torch: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "segue needs Python 3.10 or newer: make PYTHON=python3.12")'
	@echo "setting up .venv (about two minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	@touch $@

.venv/.installed: .venv/.torch pyproject.toml
	$(INSTALL) -e .
	@touch $@

.venv/.installed-dev: .venv/.torch pyproject.toml
	$(INSTALL) -e '.[dev]'
	@touch $@ .venv/.installed
