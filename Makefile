# Everything runs from .venv, which is made on first use. No root needed.
#   make soundtrack VIDEO=clip.mp4 [OUT=scored.mp4] [ARGS="--seed 7 --ensemble strings"]
#   make test       format check, lint, types, tests: what CI runs (make check is the same)
#   make slow       the tests that make test leaves out: whole clusters, long trainings
#   make demo       the page
#   make fix        format and mend what can be mended automatically
#   make fuzz [N=5000]  read so many inputs that are damaged or made up
#   make soak       300 short visits to the page, some at once
#   make audit      known weaknesses of the pinned packages
#   make wheel      dist/pixmus-*.whl with the model and the page: runs without the repository, offline
#   make bench      seconds and memory per stage
#   make compare    seconds, memory and sizes beside two text-to-music systems
#   make space-check  does the repository run as a Space: resolve, install afresh, start, one soundtrack
#   make reproduce  make the examples again and compare them with the stored outputs
#   make report     docs/report and docs/slides as HTML and PDF, from what the commands measured
#   make smoke      train for a few iterations, save, load, compose

PYTHON ?= python3
BIN := .venv/bin
# Of the 21,000 modules that are installed a quarter are ever imported: those compile when they are.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt
unexport PYTHONDONTWRITEBYTECODE
FIRST_EXAMPLE = $(firstword $(sort $(wildcard $(addprefix examples/*.,mp4 mov mkv webm gif jpg png))))

.DEFAULT_GOAL := help
.PHONY: help soundtrack test slow types tests check demo fix fuzz soak audit bench compare reproduce report space-check smoke wheel

help:
	@sed -n 's/^#   //p' Makefile

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "PixMus needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
		|| { echo "Python's venv module is missing; install it with: sudo apt-get install python3-venv" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	@$(PIP) --upgrade pip || echo "going on with the pip that Python brought" # a new one takes half as long
	@touch $@

.venv/installed: .venv/made requirements.txt constraints.txt pyproject.toml
	$(PIP) --requirement requirements.txt
	$(PIP) --no-deps tinysoundfont
	$(PIP) --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-dev: .venv/installed requirements-train.txt requirements-dataset.txt requirements-dev.txt
	$(PIP) --requirement requirements-dev.txt
	@touch $@

soundtrack: .venv/installed
	@clip="$(if $(VIDEO),$(VIDEO),$(FIRST_EXAMPLE))"; \
	if [ -z "$$clip" ]; then \
		echo "There is no clip in examples/; name one with: make soundtrack VIDEO=clip.mp4" >&2; exit 2; \
	fi; \
	$(BIN)/pixmus soundtrack "$$clip" $(if $(OUT),--out "$(OUT)") $(ARGS)

test check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@$(MAKE) --no-print-directory --jobs 2 types tests

types: .venv/installed-dev
	$(BIN)/mypy

tests: .venv/installed-dev
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

slow: .venv/installed-dev
	$(BIN)/pytest -m slow --timeout 1200 $(ARGS)

# A case's number makes it again: PIXMUS_FUZZ_ONLY=137 pytest tests/fuzz/test_fuzz.py
N ?= 5000
fuzz: .venv/installed-dev
	$(BIN)/pixmus evaluate trust --only fuzz --cases $(N) $(ARGS)
	PIXMUS_FUZZ=$(N) $(BIN)/pytest tests/fuzz/test_any_*.py

soak: .venv/installed-dev
	$(BIN)/pixmus evaluate trust --only soak $(ARGS)

# pip-audit stands in an environment of its own, for it brings much that PixMus does not need.
AUDIT ?= runs/audit
audit:
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/pip install --quiet --disable-pip-version-check pip-audit
	$(AUDIT)/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict $(ARGS) \
		|| { echo "pip-audit found something, or could not ask PyPI about every package: read above" >&2; exit 1; }

demo: .venv/installed
	$(BIN)/pixmus page $(ARGS)

fix: .venv/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

reproduce: .venv/installed
	$(BIN)/pixmus reproduce $(ARGS)

# The PDFs are printed by Chromium (apt-get install chromium); ARGS=--html-only does without.
report: .venv/installed-dev
	$(BIN)/pixmus evaluate report $(ARGS)

bench: .venv/installed-dev
	$(BIN)/pixmus bench $(ARGS)

compare: .venv/installed-dev
	$(BIN)/pixmus evaluate compare $(ARGS)

# The fresh environment has the pinned torch, whose CPU build is small; TORCH= takes the Space's own.
TORCH ?= $(lastword $(subst ==, ,$(shell grep '^torch==' constraints.txt)))
space-check: .venv/installed-dev
	$(BIN)/pixmus evaluate space $(if $(TORCH),--torch $(TORCH)) $(ARGS)

wheel: .venv/installed
	$(BIN)/python -m pixmus.doors.wheel $(ARGS)

smoke: .venv/installed-dev
	$(BIN)/pytest tests/training/test_training.py $(ARGS)
