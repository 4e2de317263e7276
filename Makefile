# Two commands matter: `make run` and `make test`. They need Python 3.11+, Node 20+ with npm, and make.
.DEFAULT_GOAL := help
.PHONY: help setup run test check format bench build rows docs clean types-infrastructure
.DELETE_ON_ERROR:

# Where it is set, every process compiles the SDKs anew: twice the time for a deployment.
unexport PYTHONDONTWRITEBYTECODE

PYTHON  ?= python3
PATTERN ?= function_llm
TARGET  ?= cdk
ASK     ?= What is a dead-letter queue for? A dead-letter queue keeps every message that could not be processed.

BIN   := .venv/bin
# --no-compile: byte-compiling 400 MB of SDKs costs more than the whole deployment does.
PIP   := $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt
LOCKS := pyproject.toml constraints.txt

help: ## List these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 24

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ". Set PYTHON=/path/to/python3.")'
	@$(PYTHON) -m venv .venv
	@touch $@

# One stamp a set of extras: who wants to run CDK installs no Pulumi SDK.
.venv/.ready-cdk: EXTRAS := cdk,local
.venv/.ready-pulumi-aws: EXTRAS := pulumi-aws,local
.venv/.ready-pulumi-azure: EXTRAS := pulumi-azure,local
.venv/.ready-pulumi-gcp: EXTRAS := pulumi-gcp,local
.venv/.ready-dev: EXTRAS := cdk,pulumi-aws,pulumi-azure,pulumi-gcp,local,dev
TARGETS := cdk pulumi-aws pulumi-azure pulumi-gcp
.venv/.ready-bench: EXTRAS := bench
.venv/.ready-dev: DONE := $(TARGETS:%=.venv/.ready-%)
.venv/.ready-dev .venv/.ready-bench $(TARGETS:%=.venv/.ready-%): .venv/.made $(LOCKS)
	@echo "Installing $(EXTRAS) ..."
	@$(PIP) -e ".[$(EXTRAS)]"
	@touch $@ $(DONE)

node_modules/.ready-cdk: package-lock.json
	@npm ci --omit=dev --no-audit --no-fund --loglevel=error
	@touch $@
node_modules/.ready-dev: package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@ node_modules/.ready-cdk

setup: .venv/.ready-dev node_modules/.ready-dev ## Install everything for development

NEEDS_cdk        := .venv/.ready-cdk node_modules/.ready-cdk
NEEDS_pulumi-aws := .venv/.ready-pulumi-aws
NEEDS_pulumi-azure := .venv/.ready-pulumi-azure
NEEDS_pulumi-gcp := .venv/.ready-pulumi-gcp
$(if $(NEEDS_$(TARGET)),,$(error TARGET must be one of $(TARGETS), got "$(TARGET)"))

run: $(NEEDS_$(TARGET)) ## Deploy PATTERN with TARGET (cdk, pulumi-aws, pulumi-azure or pulumi-gcp) onto the local cloud and ASK it a question
	@$(BIN)/serverless-ai run $(PATTERN) --target $(TARGET) --ask '$(subst ','\'',$(value ASK))'

test: setup ## Run every test
	@$(BIN)/python -m pytest -q -n 3 --dist loadscope --no-loadscope-reorder

check: setup ## Format, lint, types and import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@node_modules/.bin/pyright

types-infrastructure: setup ## Types of cdk/ and pulumi/ (slow: the SDKs are large)
	@node_modules/.bin/pyright -p pyright-infrastructure.json

format: setup ## Format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup .venv/.ready-bench ## Measure cold start, package size, RAG and synth; writes build/bench.json
	@$(BIN)/python benchmarks/run.py

build: setup ## Build the wheel into dist/
	@$(BIN)/python -m build --wheel --no-isolation

# -P: what the tests import by its name is not to be found beside the script.
rows: setup ## Which test shows which promise of tests/rows.tsv
	@$(BIN)/python -P tests/rows/report.py

docs: setup ## Draw the pictures and tables of the docs anew
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python docs/build.py

clean: ## Remove everything that the other commands made
	@rm -rf .venv node_modules build dist cdk/cdk.out .serverless-ai .pytest_cache .ruff_cache .hypothesis .import_linter_cache
