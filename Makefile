# Every verb sets itself up in .venv; the second run finds it there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RUST := $(shell find rust -name target -prune -o \( -name '*.rs' -o -name 'Cargo.*' \) -print)
export LLMHARNESS_RUST := required
# Without written bytecode pytest rewrites hypothesis anew in each of the runs inside the tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-core agents neighbours fuzz bench peers lint types golden core clean

help:
	@echo "make demo    the example suite: replayed offline, then live on a real model server"
	@echo "make test    the whole test suite"
	@echo "make test-core  the tests of the core in Rust"
	@echo "make agents  the tests of the adapters to LangGraph, AutoGen and CrewAI, each in an environment of its own"
	@echo "make neighbours  other pytest plugins beside ours, each in an environment of its own (-j4: four at once)"
	@echo "make fuzz    100,000 pairs for the schema engines, 10,000 behaviours of a model, every pair of kills"
	@echo "make bench   every promised speed beside its named peer"
	@echo "make peers   the libraries that make bench compares us with, each in an environment of its own"
	@echo "make lint    ruff, floors (import-linter), rustfmt, clippy"
	@echo "make types   mypy --strict"
	@echo "make golden  renew what humans read and tests compare"
	@echo "make core    assert that the compiled core is the one in use"
	@echo "make clean   remove what these verbs made"

$(READY): pyproject.toml setup.py $(RUST)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is missing or older than 3.11"; echo "  fix:   make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@command -v cargo > /dev/null || { \
	  echo "cargo is missing: the core is written in Rust"; echo "  fix:   install Rust from https://rustup.rs"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV): downloads and compiles for some minutes; the next run finds it ready"
	@$(BIN)/python -m pip install --quiet --upgrade pip setuptools setuptools-rust
	@$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[dev]'
	@touch $(READY)

demo: $(READY)
	@echo; echo "=== 1. Replay: no key, no network, no model ==="
	@$(BIN)/python -m pytest examples -v
	@echo; echo "=== 2. Live: the same tests on a real llama.cpp server (its toy model tests plumbing, not answers) ==="
	@$(BIN)/python -m pytest examples -v --llm-live --llm-engine=embedded
	@cat docs/after-the-demo.txt

test: $(READY)
	$(BIN)/python -m pytest -q -n auto

test-core:
	cd rust && cargo test --quiet -p llmharness-engine

# Not with the other tests: LangSmith, which LangGraph brings along, costs every start of pytest a second.
AGENTS := langgraph autogen crewai
agents: $(READY) $(AGENTS:%=.cache/agents/%/.ready)
	@for one in $(AGENTS); do echo "=== $$one"; \
	  PYTHONPATH=$(CURDIR) .cache/agents/$$one/bin/python -m pytest -q -p no:langsmith_plugin tests/agents/test_$$one.py \
	  || exit 1; done

.cache/agents/%/.ready: tests/agents/%.txt
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --require-virtualenv --requirement $< pytest pytest-timeout jsonschema vcrpy
	@touch $@

NEIGHBOURS := $(patsubst tests/plugin/neighbours/%.txt,%,$(wildcard tests/plugin/neighbours/*.txt))
neighbours: $(addprefix neighbour-,$(NEIGHBOURS))

neighbour-%: .cache/neighbours/%/.ready
	@$(<D)/bin/python -m pytest -q -p no:cacheprovider -o addopts=--import-mode=importlib \
	  -o filterwarnings=ignore::pytest.PytestConfigWarning tests/plugin/test_neighbours.py

.SECONDARY: $(NEIGHBOURS:%=.cache/neighbours/%/.ready)
# An environment holds the checkout itself, as a user's would: its entry points, and a path to it.
.cache/neighbours/%/.ready: tests/plugin/neighbours/%.txt tests/plugin/neighbours/base.in $(READY)
	@$(PYTHON) -m venv --clear --without-pip $(@D)
	@$(BIN)/python -m pip --quiet --disable-pip-version-check --python $(@D)/bin/python install --no-deps \
	  --requirement $<
	@cd $(@D)/lib/python3.*/site-packages && echo $(CURDIR) > llmharness.pth && \
	  ln -s $(abspath $(VENV))/lib/python3.*/site-packages/pytest_llmharness-*.dist-info .
	@touch $@

fuzz: $(READY)
	LLMHARNESS_FUZZ_PAIRS=100000 $(BIN)/python -m pytest -q -n auto tests/differential
	LLMHARNESS_FUZZ_EXAMPLES=10000 $(BIN)/python -m pytest -q -n auto -o timeout=3600 \
	  tests/property/test_outcomes.py tests/unit/test_kill_sweep.py

bench: $(READY)
	$(BIN)/python -m bench

PEERS := $(patsubst bench/peers/%.txt,.cache/peers/%/.ready,$(wildcard bench/peers/*.txt))
peers: $(PEERS)

.cache/peers/%/.ready: bench/peers/%.txt
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --no-deps --require-virtualenv --requirement $<
	@touch $@

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
	rm -rf $(VENV) .cache rust/target build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
