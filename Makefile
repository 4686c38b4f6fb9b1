# Every verb sets itself up in .venv; the second run finds it there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export LLMHARNESS_RUST := required

.PHONY: help test fuzz lint types golden core clean

help:
	@echo "make test    the whole test suite"
	@echo "make fuzz    the schema engines against each other, on 100,000 pairs"
	@echo "make lint    ruff, floors (import-linter), rustfmt, clippy"
	@echo "make types   mypy --strict"
	@echo "make golden  renew what humans read and tests compare"
	@echo "make core    assert that the compiled core is the one in use"
	@echo "make clean   remove what these verbs made"

$(READY): pyproject.toml setup.py $(shell find rust -name '*.rs' -o -name 'Cargo.*' | grep -v '/target/')
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools setuptools-rust
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[dev]'
	@touch $(READY)

test: $(READY)
	$(BIN)/python -m pytest -q -n auto

fuzz: $(READY)
	LLMHARNESS_FUZZ_PAIRS=100000 $(BIN)/python -m pytest -q -n auto tests/differential

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	cd rust && cargo fmt --check && cargo clippy --quiet --all-targets -- -D warnings

types: $(READY)
	$(BIN)/mypy

golden: $(READY)
	LLMHARNESS_GOLDEN=renew $(BIN)/python -m pytest -q tests/golden

core: $(READY)
	$(BIN)/python -c "from pytest_llmharness import Schema; assert Schema(True).engine == 'rust', Schema(True).engine"

clean:
	rm -rf $(VENV) rust/target build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
