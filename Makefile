# Each target sets up all that it needs. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMPS := .stamps
JOBS ?= $(shell nproc)

.PHONY: help setup serve test lint format pytest clients bench bench-smoke bench-peers bench-keys bench-upstreams s3load conformance docs soak clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(STAMPS)/runtime: pyproject.toml deploy/constraints.txt
	@mkdir -p $(STAMPS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; found " + sys.version.split()[0] + ". Set PYTHON=/path/to/python3.11.")'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || deploy/packages/install-venv.sh $(PYTHON) $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install -qq --constraint deploy/constraints.txt --editable .
	@touch $@

$(STAMPS)/dev: $(STAMPS)/runtime
	$(BIN)/python -m pip install --quiet --constraint deploy/constraints.txt --group dev
	@touch $@

setup: $(STAMPS)/dev ## create .venv with the server and all that tests need

serve: $(STAMPS)/runtime ## start the server on ./data
	$(BIN)/s3front serve data

clients: $(STAMPS)/dev ## install the S3 clients that tests drive (PyPI, npm, Debian)
	deploy/packages/install-clients.sh

lint: $(STAMPS)/dev ## ruff, mypy --strict, import-linter
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy gateway sigv4 backends tests conformance bench
	$(BIN)/lint-imports

format: $(STAMPS)/dev ## let ruff format and mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

pytest: $(STAMPS)/dev clients ## all tests, in parallel
	$(BIN)/pytest -n $(JOBS) --dist worksteal -q

docs: $(STAMPS)/dev ## write the generated tables of README.md and docs/advisories.md
	$(BIN)/python -m tests.house.readme_tables
	$(BIN)/python -m tests.hostile.advisories.page

bench-smoke: $(STAMPS)/dev
	$(BIN)/python -m bench --seconds 30

soak: $(STAMPS)/dev clients ## long and large tests that make test leaves out
	S3FRONT_TEST_SEED=$${S3FRONT_TEST_SEED:-new} $(BIN)/pytest -n $(JOBS) --dist worksteal -m soak

test: lint bench-smoke pytest ## lint, all tests, a short bench

bench: $(STAMPS)/dev ## measure: CPU per operation, rate, latency
	$(BIN)/python -m bench

s3load: $(STAMPS)/dev ## compile and test the load generator of bench-peers (Go)
	cd bench/s3load && export PATH="$$PATH:/usr/local/go/bin" && test -z "$$(gofmt -l .)" && go vet . && go test -count=1 . && go build -buildvcs=false -o ../../build/peers/s3load .
	$(BIN)/pytest -q tests/bench/test_compiled_generator.py

bench-peers: s3load ## beside versitygw, MinIO, rclone, s3proxy, nginx: docs/performance.md
	$(BIN)/python -m bench.peers --json build/peers/samples.jsonl --write docs/performance.md

bench-keys: s3load ## with 1, 3 and 10 million keys: docs/performance.md
	$(BIN)/python -m bench.keys --write docs/performance.md

bench-upstreams: s3load ## what S3front adds to a WebDAV server and an S3 service: docs/performance.md
	$(BIN)/python -m bench.upstreams --json build/peers/upstreams.jsonl --write docs/performance.md

conformance: $(STAMPS)/dev clients ## real clients that must be compiled; writes conformance/report.md
	$(BIN)/python -m conformance

clean: ## remove what the targets made, but not ./data
	rm -rf $(VENV) $(STAMPS) build s3front.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './data/*' -prune -exec rm -rf {} +
