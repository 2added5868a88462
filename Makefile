# Every target does its own set-up: a virtual environment with exactly the locked packages.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := crypto federation registrar department_node coordinator tally auditor hedui tests tools benchmarks
COVERED := build/coverage.json
export PYTHONUTF8 := 1

.PHONY: help dev proto lock fmt check test test-system fuzz demo serve bench docs clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

$(STAMP): requirements.lock requirements-families.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements-families.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

dev: $(STAMP) ## install everything for development

proto: $(STAMP) ## generate the protobuf stubs
	$(BIN)/python -m tools.stubs

lock: $(STAMP) ## write requirements.lock anew
	$(BIN)/python -m tools.lock

fmt: $(STAMP) ## format the code
	$(BIN)/ruff check --select I --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

check: $(STAMP) ## types, lint, import contracts, drift of generated files
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.stubs --check
	$(BIN)/python -m tools.predicate_table --check
	$(BIN)/python -m tools.error_table --check
	$(BIN)/python -m tools.role_table --check
	$(BIN)/python -m tools.case_life --check

test: $(STAMP) ## all tests that need only wheels, and the floors of their coverage
	$(BIN)/python -m pytest -m "not system" -n auto --maxprocesses 4 --dist loadfile --cov --cov-report=json:$(COVERED)
	$(BIN)/python -m tools.coverage_floors $(COVERED)

test-system: $(STAMP) ## tests that need packages of the operating system
	$(BIN)/python -m pytest -m system -n 2 --dist loadfile

fuzz: $(STAMP) ## fuzz the strict parsers; SECONDS=30 each, ONLY=note one of them
	$(BIN)/python -m tests.fuzz $(if $(SECONDS),--seconds $(SECONDS)) $(ONLY)

demo: $(STAMP) ## the demonstration city, from empty folders to a report
	$(BIN)/hedui demo

serve: $(STAMP) ## keep the demonstration city running until stopped
	$(BIN)/hedui demo --serve

bench: $(STAMP) ## measure against baselines; ONLY=prefix runs a part
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

docs: $(STAMP) ## write the generated pages anew
	$(BIN)/python -m tools.predicate_table
	$(BIN)/python -m tools.error_table
	$(BIN)/python -m tools.role_table
	$(BIN)/python -m tools.case_life

clean: ## remove what the targets made
	rm -rf $(VENV) .peers .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage build dist
