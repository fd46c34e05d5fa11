# Two commands do everything on a machine that has Python 3.11+ and make: `make demo` and `make test`.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Tests mostly wait: one worker a core, at least 2, at most 4, each with a Postgres of its own; none where ARGS narrow.
WORKERS ?= $(if $(ARGS),0,$(shell cores=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$((cores < 2 ? 2 : cores > 4 ? 4 : cores))))

.PHONY: demo test check bench audit graphiql lock clean help
.DELETE_ON_ERROR:

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

demo: $(VENV)/.runtime graphiql ## install and run everything on this machine: simulator, broker, database, server
	$(BIN)/kilowatch demo $(ARGS)

test: $(VENV)/.dev graphiql ## install and pass the tests; ARGS="tests/metering -x" narrows them, WORKERS=4 runs as many side by side
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

check: $(VENV)/.dev ## lint, formatting, strict types, import contracts, printed schema
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/kilowatch schema --check

bench: $(VENV)/.dev ## the figures of docs/benchmarks.md, each beside its baseline; ARGS="ingest" narrows them
	$(BIN)/python -m bench $(ARGS)

audit: ## known vulnerabilities of what the lock file pins; asks PyPI, so it needs the network
	@$(PYTHON) -m venv $(VENV)-audit && $(VENV)-audit/bin/python -m pip --disable-pip-version-check --quiet install pip-audit
	$(VENV)-audit/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip

graphiql: $(VENV)/.runtime ## build GraphiQL from npm packages; without a registry the server runs without it
	@$(BIN)/python -m dashboard.build

lock: ## for maintainers: renew the pinned, hashed lock files (needs uv)
	uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet -o requirements.lock
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet -o requirements-dev.lock

clean: ## remove what was installed and built; the demo's data in .kilowatch stays
	rm -rf $(VENV) $(VENV)-audit dashboard/static/graphiql dashboard/graphiql/node_modules tests/clients/node_modules

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Kilowatch needs Python 3.11 or newer on PATH; set PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) lacks venv; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Installing into $(VENV) …"; $(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/bin/python
	@$(PIP) install --require-hashes --only-binary :all: --no-binary siphash -r requirements.lock
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@$(PIP) install --require-hashes --only-binary :all: --no-binary siphash -r requirements-dev.lock
	@touch $@
