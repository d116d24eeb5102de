# Daily commands. `make` alone lists them.
#
# .venv is made on first use, from the machine's own Python where that is 3.11 or newer (Debian's is
# built with PGO, worth 17 % CPU), and brought up to date whenever a requirements file changes: a
# stamp file per set (run, dev, node) remembers what was installed. Every pin carries its hashes, and only
# wheels are installed, so nothing of a dependency runs at install time.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
PIP := $(BIN)/python -m pip --quiet install --no-input
PINNED := $(PIP) --only-binary :all: --require-hashes -r
OWN := gateway ledger vendors bench tests docs

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ── using it ────────────────────────────────────────────────────────────────────────────────────

.PHONY: run serve demo
run: $(VENV)/.run $(VENV)/.assets ## set up, then serve on an embedded ledger (with sandboxes where you have no credentials)
	@exec $(BIN)/keybrake serve

serve: run ## the same

demo: $(VENV)/.run ## a key with a 500 USD cap, charged until it brakes, in 20 seconds
	@exec $(BIN)/keybrake demo

# ── working on it ───────────────────────────────────────────────────────────────────────────────

.PHONY: test check lint types format unit property integration integration-binary browser screenshots crash simulate cover fuzz micro
test: lint types $(VENV)/.node $(VENV)/.assets $(VENV)/.browser $(VENV)/.balancer $(VENV)/.tracer binary ## everything: lint, types, all suites, 100 % of ledger and vendors covered
	$(BIN)/python -m pytest -q --cov=ledger --cov=vendors --cov-branch --cov-report=term-missing:skip-covered \
	  --cov-fail-under=100 tests
	$(BY_BINARY) $(addprefix tests/integration/test_,$(addsuffix .py,$(MOST_TELLING)))

BY_BINARY := KEYBRAKE_TESTED=$(CURDIR)/dist/keybrake $(BIN)/python -m pytest -q
MOST_TELLING := admin_rows caps charges_and_refunds doubts process_life retries streams twilio_calls resend_calls

check: lint types ## before a commit: format, lint, types, unit and property tests
	$(BIN)/python -m pytest -q tests/unit tests/property tests/test_*.py

lint: $(VENV)/.dev ## format check and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy

format: $(VENV)/.dev ## put everything into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

unit: $(VENV)/.dev ## unit tests and the tests that read our own source
	$(BIN)/python -m pytest -q tests/unit tests/test_*.py

property: $(VENV)/.dev ## hypothesis
	$(BIN)/python -m pytest -q tests/property

integration: $(VENV)/.node $(VENV)/.assets $(VENV)/.balancer binary ## a real gateway and the sandbox, from outside; official SDKs
	$(BIN)/python -m pytest -q tests/integration

integration-binary: $(VENV)/.node $(VENV)/.assets $(VENV)/.balancer binary ## the same against dist/keybrake, whose hot modules are compiled
	$(BY_BINARY) tests/integration

browser: $(VENV)/.node $(VENV)/.assets $(VENV)/.browser ## the dashboard in a real browser
	$(BIN)/python -m pytest -q tests/browser

screenshots: $(VENV)/.node $(VENV)/.assets $(VENV)/.browser ## every page, light and dark, wide and narrow, into build/screenshots
	$(BIN)/python -m tests.browser.screenshots build/screenshots

crash: $(VENV)/.dev $(VENV)/.tracer ## kill -9, power loss and failing disks under load, then read the books
	$(BIN)/python -m pytest -q tests/crash

CYCLES := 1000
SEED := 1
kills: $(VENV)/.dev ## a thousand times kill -9 under load (CYCLES=…, SEED=…), a second or so each
	$(BIN)/python -m tests.crash.cycles --cycles $(CYCLES) --seed $(SEED)

powerloss: $(VENV)/.dev $(VENV)/.tracer ## starts on a thousand images of what a disk may hold when the power goes
	$(BIN)/python -m tests.crash.powerloss --images 1000 --seed $(SEED)

simulate: $(VENV)/.dev ## stories by number on the real house in a time of its own; SEEDS=0..2000 STEPS=200 MIX=all
	$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),0..200) --steps $(or $(STEPS),200) --mix $(or $(MIX),all)

cover: $(VENV)/.node binary ## coverage of everything, branch by branch, into build/coverage
	$(BIN)/python -m pytest -q --cov --cov-branch --cov-report=term-missing:skip-covered \
	  --cov-report=html:build/coverage tests/unit tests/property tests/integration tests/test_*.py

fuzz: $(VENV)/.fuzz ## every parser under inputs that look for what they did not reach yet, a minute each (ARGS="NAME --seconds 600")
	@$(VENV)/fuzz/bin/python -m tests.fuzz $(ARGS)

micro: $(VENV)/.dev ## pieces of the hot path alone: microseconds, and instructions beside a baseline (ARGS=quote.stripe)
	$(BIN)/python -m bench.micro $(ARGS)

include bench/bench.mk
include deploy/binary/binary.mk

# ── setting it up ───────────────────────────────────────────────────────────────────────────────

.PHONY: docs rates pins clean
docs: $(VENV)/.run ## docs/settings-reference.md from gateway.toml
	@$(BIN)/python -m docs.settings_reference

rates: $(VENV)/.run ## today's exchange rates into var/rates.json, for money.rates_file
	@mkdir -p var && rm -rf var/rates.tmp && mkdir var/rates.tmp
	@npm pack --silent --pack-destination var/rates.tmp @fawazahmed0/currency-api@latest >/dev/null </dev/null
	@tar -xzf var/rates.tmp/*.tgz -C var/rates.tmp package/v1/currencies/usd.json
	@$(BIN)/python -m vendors.refresh_rates var/rates.tmp/package/v1/currencies/usd.json var/rates.json
	@rm -rf var/rates.tmp

pins: $(VENV)/.dev ## after a change to a requirements*.in, or to the bench's: write exact versions and hashes again
	for set in requirements requirements-dev requirements-node requirements-fuzz $(BENCH_PINS); do \
	  $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-annotate $$set.in -o $$set.txt; done

clean: ## remove the environment, caches and reports; never var/, which holds the ledger
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* \
	  tests/node/node_modules gateway/dashboard/npm/node_modules gateway/dashboard/assets
	find $(OWN) -name __pycache__ -type d -prune -exec rm -rf {} +

# The first Python that is new enough and can make an environment; the machine's own comes first. On
# Debian ensurepip is a package of its own: installed where we may, asked for where we may not.
define MAKE_VENV
fit() { "$$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
for python in /usr/bin/python3 python3 python3.13 python3.12 python3.11 ''; do
  [ -z "$$python" ] || ! fit "$$python" || break
done
if [ -z "$$python" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing python3-venv …" >&2
  export DEBIAN_FRONTEND=noninteractive
  { apt-get -qq update && apt-get -qq install --no-install-recommends python3-venv; } </dev/null >&2
  fit /usr/bin/python3 && python=/usr/bin/python3
fi
if [ -z "$$python" ]; then
  echo "keybrake needs Python 3.11 or newer with venv; on Debian: apt-get install python3-venv" >&2
  exit 3
fi
echo "setting up $(VENV) with $$("$$python" --version) …" >&2
"$$python" -m venv $(VENV)
endef
export MAKE_VENV

$(BIN)/python:
	@eval "$$MAKE_VENV"

$(VENV)/.run: requirements.txt pyproject.toml | $(BIN)/python
	@echo "installing what the gateway runs on …" >&2
	@$(PINNED) requirements.txt
	@$(PIP) --no-deps --no-build-isolation --no-index --config-settings editable_mode=compat -e .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	@echo "installing what tests and checks need …" >&2
	@$(PINNED) requirements-dev.txt
	@touch $@

# A fuzzer, in an environment of its own: it has wheels for few machines, and no test needs it.
$(VENV)/.fuzz: requirements-fuzz.txt | $(BIN)/python
	@echo "installing a fuzzer …" >&2
	@$(BIN)/python -m venv $(VENV)/fuzz
	@$(VENV)/fuzz/bin/python -m pip --quiet install --no-input --only-binary :all: --require-hashes -r requirements-fuzz.txt
	@touch $@

# npm: the machine's own where its Node.js is 20 or newer, else one from a wheel.
$(VENV)/.npm: requirements-node.txt | $(BIN)/python
	@{ command -v npm && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; } >/dev/null 2>&1 || { \
	  echo "no Node.js 20 here: installing one into $(VENV) …" >&2; $(PINNED) requirements-node.txt; }
	@touch $@

# What the dashboard's pages load: three packages, pinned by integrity, of which the few files that a
# browser asks for are copied beside the code, with their licences. None of it is committed.
PAGES := gateway/dashboard
$(VENV)/.assets: $(PAGES)/npm/package-lock.json $(VENV)/.npm
	@echo "installing what the dashboard shows …" >&2
	@npm ci --loglevel=error --prefix $(PAGES)/npm </dev/null >/dev/null
	@rm -rf $(PAGES)/assets && mkdir $(PAGES)/assets
	@cd $(PAGES)/npm/node_modules && cp htmx.org/dist/htmx.min.js uplot/dist/uPlot.iife.min.js \
	  uplot/dist/uPlot.min.css @picocss/pico/css/pico.min.css ../../assets/
	@cd $(PAGES)/npm/node_modules && cp htmx.org/LICENSE ../../assets/htmx.LICENSE.txt && \
	  cp uplot/LICENSE ../../assets/uPlot.LICENSE.txt && cp @picocss/pico/LICENSE.md ../../assets/pico.LICENSE.txt
	@touch $@

# The Node SDKs for the tests.
$(VENV)/.node: tests/node/package-lock.json $(VENV)/.npm $(VENV)/.dev
	@npm ci --loglevel=error --prefix tests/node </dev/null
	@touch $@

# A browser for the tests: Debian's Chromium, installed where we may, asked for where we may not.
$(VENV)/.browser: $(VENV)/.dev
	@command -v chromium >/dev/null || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { \
	    echo "the browser tests need Chromium; on Debian: apt-get install chromium fonts-dejavu-core" >&2; exit 3; }; \
	  echo "installing Chromium for the browser tests …" >&2; export DEBIAN_FRONTEND=noninteractive; \
	  { apt-get -qq update && apt-get -qq install --no-install-recommends chromium fonts-dejavu-core; } </dev/null >/dev/null; }
	@touch $@

# Load balancers for the tests that stand behind them: HAProxy and nginx, Debian's.
$(VENV)/.balancer: $(VENV)/.dev
	@PATH="$$PATH:/usr/sbin"; { command -v haproxy && command -v nginx; } >/dev/null || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { \
	    echo "the balancer tests need HAProxy and nginx; on Debian: apt-get install haproxy nginx-light" >&2; exit 3; }; \
	  echo "installing HAProxy and nginx for the balancer tests …" >&2; export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1; \
	  { apt-get -qq update && apt-get -qq install --no-install-recommends haproxy nginx-light; } </dev/null >/dev/null; }
	@touch $@

# strace, Debian's: the crash tests read with it what is asked of a disk, and have the disk refuse it.
$(VENV)/.tracer: $(VENV)/.dev
	@command -v strace >/dev/null || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { \
	    echo "the tests of failing disks need strace; on Debian: apt-get install strace" >&2; exit 3; }; \
	  echo "installing strace for the tests of failing disks …" >&2; export DEBIAN_FRONTEND=noninteractive; \
	  { apt-get -qq update && apt-get -qq install --no-install-recommends strace; } </dev/null >/dev/null; }
	@touch $@
