# altdev: two commands on a fresh machine, `make demo` and `make test`. Needs Python 3.11-3.13 and make.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
EXAMPLE ?= andes-coca
SEED ?= 1
JOBS ?= 2
.PHONY: sbom trust demo test quick lint types contracts unit format bench clean help

help:
	@echo "make demo    install, run the whole survey of a simulated landscape, print hectares and the map's path"
	@echo "make test    install the test tools and run every check"
	@echo "make quick   the fast part of the tests"
	@echo "make bench   the benchmarks (minutes)"
	@echo "make trust   every promise of docs/reliability.md, counted there: kills, forgeries, fuzzing, other Pythons, leaks, licences, mutants, lines"
	@echo "             hours as it is (KILLS=20 CASES=1000 GUIDED=10000 MUTANTS=150 PYTHONS='LABEL=PYTHON...'); SMALL=1: half an hour, kept in build/trust"
	@echo "make sbom    a bill of materials in build/sbom.json"

# The survey of one simulated landscape (EXAMPLE=andes-coca, helmand-poppy or rif-cannabis), offline.
demo: $(VENV)/.installed
	@rm -rf demo/$(EXAMPLE)
	$(BIN)/altdev init demo/$(EXAMPLE) --example $(EXAMPLE) --seed $(SEED)
	$(BIN)/altdev run demo/$(EXAMPLE)/survey.toml --jobs $(JOBS)

test: lint types contracts unit

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-test
	$(BIN)/mypy

contracts: $(VENV)/.installed-test
	$(BIN)/lint-imports

unit: $(VENV)/.installed-test $(VENV)/.installed-store
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

quick: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not slow and not browser"

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# How far it can be trusted, measured: minutes each; counts go to docs/reliability.md, of `SMALL=1` to build/trust.
trust: $(VENV)/.installed-test
	$(BIN)/python -m benchmarks.trust $(if $(SMALL),--small) $(if $(KILLS),--kills $(KILLS)) $(if $(CASES),--cases $(CASES)) \
		$(if $(GUIDED),--guided $(GUIDED)) $(if $(MUTANTS),--mutants $(MUTANTS)) $(PYTHONS)

sbom: $(VENV)/.installed-test
	$(BIN)/python -m benchmarks.trust.sbom build/sbom.json

bench: $(VENV)/.installed-test
	$(BIN)/python -m benchmarks

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "found no Python 3.11 to 3.13; install one, or name it: make demo PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@ $(VENV)/.installed

# The object store of the tests, beside the program's packages and not among them
$(VENV)/.installed-store: tests/store.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(VENV)/store -r $<
	@touch $@

clean:
	rm -rf $(VENV) demo build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
