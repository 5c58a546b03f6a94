# Two commands for a newcomer: `make demo` and `make test`. Each makes its own virtual
# environment and installs what it needs; see CONTRIBUTING.md for the finer targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.figwatch-ready
PACKAGES := cli dashboards streams connectors validators demo
SOURCES  := $(PACKAGES) tests benchmarks

.PHONY: demo test lint types unit pure live e2e bench docs dashboards docs-site docs-serve wheel clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "figwatch needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY)
	$(BIN)/figwatch demo

test: lint types unit e2e

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

# mypy reads files, not import hooks: give it the layout that the wheel installs.
types: $(READY)
	@rm -rf build/types && mkdir -p build/types/figwatch
	@for p in $(PACKAGES); do ln -s ../../../$$p build/types/figwatch/$$p; done
	cd build/types && ../../$(BIN)/mypy --config-file ../../pyproject.toml -p figwatch

unit: pure live

pure: $(READY)
	$(BIN)/pytest -q -n 3 tests/unit tests/simulation

live: $(READY)
	$(BIN)/pytest -q -n 3 tests/component tests/browser || $(AGAIN) tests/component tests/browser

e2e: $(READY)
	$(BIN)/pytest -q -n 2 --durations=25 tests/e2e || $(AGAIN) tests/e2e

# Where real servers and real time are involved, what failed on a loaded machine is asked once
# more, alone: what fails again is broken. What passes then stands above as unsteady: mend it.
# Pure tests are never asked twice.
AGAIN = $(BIN)/pytest --last-failed --last-failed-no-failures none

bench: $(READY)
	$(BIN)/python -m benchmarks

# docs/configuration.md is made of the settings' docstrings, docs/metrics.md of the catalogue.
docs: $(READY)
	$(BIN)/python -m figwatch.connectors.config.schema > docs/configuration.md
	$(BIN)/python -m figwatch.streams.metric_families > docs/metrics.md

# The documentation as a site in build/site; a link that leads nowhere is an error.
docs-site: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-serve: docs-site
	$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory build/site

# Rules, alerts and Grafana dashboards, from their generators in dashboards/.
dashboards: $(READY)
	$(BIN)/python -m figwatch.dashboards.write

wheel: $(READY)
	$(BIN)/python -m build

clean:
	rm -rf build dist $(VENV)
