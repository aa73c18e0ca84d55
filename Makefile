# The front door; `make help` lists it. Every target installs what it needs the first time.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# Without .pyc files every start would compile torch, Lightning and MLflow again.
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DO_NOT_TRACK := 1
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true

PYTHON ?= python3
JOBS ?=
EXPERIMENT ?=
DATA ?=
TASK ?=
TRIALS ?=
TIMEOUT ?=
PORT ?= 5000
FROM ?=
MODEL ?=
PAPER ?= lecun1998
ONLY ?=
STUDY ?=
TESTS ?= tests
LANES ?= $(if $(filter tests,$(TESTS)),2,0)
INSTALLED := .venv/installed
DOCS := .venv-docs/installed
CLI := python -m pipeline.cli
SELECTION = --experiment "$(EXPERIMENT)" --data "$(DATA)" --task "$(TASK)" --jobs "$(JOBS)"

.PHONY: help install ray repro why look smoke test test-fast lint sweep promote ui serve studies lr-range report pdf paper readme docs doctor bench fill import-cells gpu-kit audit lock

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | column -t -s $$'\t'

install: $(INSTALLED) ## the locked packages, into .venv

$(INSTALLED): requirements.txt requirements-uv.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --require-hashes -r requirements-uv.txt
	.venv/bin/uv pip sync --quiet --python .venv/bin/python --compile-bytecode --require-hashes requirements.txt requirements-uv.txt
	touch $@

.venv/ray: $(INSTALLED) requirements-ray.txt
	.venv/bin/uv pip install --quiet --python .venv/bin/python --compile-bytecode --require-hashes -r requirements-ray.txt
	touch $@

ray: .venv/ray ## Ray, for a profile with `executor: ray`

repro: $(INSTALLED) ## from raw data to the report, missing cells side by side [JOBS= EXPERIMENT= DATA= TASK=]
	@$(CLI) repro $(SELECTION)

why: $(INSTALLED) ## what repro would run, because of which input, and for how long [EXPERIMENT= DATA= TASK= JOBS=]
	@$(CLI) why $(SELECTION)

smoke: $(INSTALLED) ## every stage on scikit-learn's digits, in a scratch copy
	@python -m bench.scratch

test: .venv/ray ## pytest, files in two lanes [TESTS=path LANES=]
	@{ command -v chromium && dpkg -s fonts-unifont; } > /dev/null 2>&1 || ! command -v apt-get > /dev/null \
	  || { apt-get update -qq && apt-get install -y -qq chromium fonts-unifont; } > /dev/null \
	  || echo "no chromium or no fonts-unifont: tests that need them will be skipped"
	@python -m pytest -n $(LANES) --dist loadfile --no-loadscope-reorder $(TESTS)

test-fast: $(INSTALLED) ## pytest for in between, about a minute: without whole projects and what is marked slow (tests/conftest.py)
	@python -m pytest -n $(LANES) --dist loadfile --no-loadscope-reorder -m "not slow and not gpu" $(TESTS)

lint: $(INSTALLED) ## ruff and mypy
	@ruff check . && ruff format --check . && mypy

sweep: $(INSTALLED) ## search hyperparameters on validation [EXPERIMENT=name,name TASK= TRIALS= TIMEOUT=seconds JOBS=]
	@$(CLI) sweep --experiment "$(EXPERIMENT)" --task "$(TASK)" --jobs "$(JOBS)" --trials "$(TRIALS)" --timeout "$(TIMEOUT)"

promote: $(INSTALLED) ## the best trials as recipes and rows beside the defaults [EXPERIMENT=name,name TASK=]
	@$(CLI) promote --experiment "$(EXPERIMENT)" --task "$(TASK)"

ui: $(INSTALLED) ## MLflow over the project's store, on loopback [PORT=5000]
	@$(CLI) ui --port $(PORT)

serve: $(INSTALLED) ## a registered model over HTTP, on loopback [MODEL=name@alias PORT=5000]
	@$(CLI) serve "$(MODEL)" --port $(PORT)

studies: $(INSTALLED) ## variations of rows, such as each family at several sizes, and their figures [STUDY= TASK= JOBS=]
	@$(CLI) study --study "$(STUDY)" --task "$(TASK)" --jobs "$(JOBS)"

look: $(INSTALLED) ## what was read of a data set: counts, ranges, remarks, a sheet of samples [DATA=]
	@$(CLI) look --data "$(DATA)"

lr-range: $(INSTALLED) ## learning-rate range test of a row: a plot and a suggestion [EXPERIMENT=]
	@$(CLI) lr-range --experiment "$(EXPERIMENT)"

report: $(INSTALLED) ## tables and figures again, from the files in Git alone
	@python -m stages.report && cat reports/$$(sed -n 's/^profile: //p' params.yaml)/comparison.txt

pdf: $(INSTALLED) ## the figures of report and studies as PDF, beside the PNG; Git ignores them
	@python -m pipeline.report.pdf

paper: $(INSTALLED) ## a paper's card: its figure, ours under its budget, the verdict [PAPER=lecun1998]
	@python -m pipeline.report.card "$(PAPER)"

readme: $(INSTALLED) ## the newest tables into README.md and docs/studies.md
	@python -m pipeline.report.readme

docs: $(DOCS) ## docs/ as a site in site/, made with packages of its own in .venv-docs
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/python -m mkdocs build --quiet --strict

$(DOCS): requirements-docs.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --require-hashes -r requirements-docs.txt
	touch $@

doctor: $(INSTALLED) ## versions, devices, disk, data, stores, one model's answer; fails if something is broken
	@python -m pipeline.doctor

bench: $(INSTALLED) ## the project's measurements against their peers [ONLY=name]
	@python -m bench $(ONLY)

fill: $(INSTALLED) ## cells alone, for a machine whose .cells go elsewhere [EXPERIMENT= DATA= TASK= JOBS=]
	@$(CLI) fill $(SELECTION)

import-cells: $(INSTALLED) ## copy another machine's finished cells in, verified [FROM=folder or archive]
	@$(CLI) import-cells "$(FROM)"

gpu-kit: $(INSTALLED) ## what a bare GPU machine lacks, into .gpu-kit/; there: bash bench/gpu.sh MINUTES OUT
	@python -m bench.gpu_kit

audit: $(INSTALLED) ## rehash every finished cell
	@$(CLI) audit

lock: $(INSTALLED) ## newest versions that the four requirements*.in allow, hashed
	uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --upgrade requirements.in -o requirements.txt
	uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --upgrade requirements-ray.in -o requirements-ray.txt
	uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --upgrade requirements-uv.in -o requirements-uv.txt
	uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --upgrade requirements-docs.in -o requirements-docs.txt
	python -m pipeline.cells.environment
