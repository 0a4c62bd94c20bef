# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# `make help` lists what there is. PYTHON=/path/to/python chooses the interpreter of .venv.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
# The engines of the lab need root.
AS_ROOT := $(if $(filter-out 0,$(shell id -u)),sudo -E)
# Environments are made once; new pins make them anew.
NOX := $(BIN)/nox -R

LINT := ruff mypy lint docs-check license-check extra-checks changelog ansible-lint execution-environment build-import-check

# Measuring coverage makes it many times slower.
TIMED := tests/unit/plugins/module_utils/_policy/test_plan.py::test_a_hundred_thousand_references_are_planned_in_seconds_and_in_linear_time

# Most of the time of an Engine's tests is its own: several Engines are tested at a time, each in one process.
SIDE_BY_SIDE ?= --numprocesses 3
# Further pytest options, such as PYTEST_OPTIONS='-k digest -x'.
PYTEST_OPTIONS ?=
# Options of the benchmark, such as BENCH_OPTIONS='--only images --images 1000 --rounds 3'.
BENCH_OPTIONS ?=
# Further options of molecule test, such as MOLECULE_OPTIONS='--destroy=never'.
MOLECULE_OPTIONS ?=

.PHONY: help
help: ## List the targets, those that you need first at the top.
	@for first in '[*] ' '[^*]'; do \
	    awk -F ':.*## ([*] )?' "/^[a-z-]+:.*## $$first/"' { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST); \
	    echo; \
	done

.PHONY: venv
venv: ## Create .venv with the pinned test requirements (nothing to do when it is up to date).
	@tests/tools/venv

.nox/.pins: tests/constraints.txt tests/requirements.txt | venv
	@rm -rf .nox
	@mkdir .nox
	@touch $@

.PHONY: demo
demo: venv ## * Show an audit, a cleanup and a second run on a private Engine (root or sudo; a minute).
	@demo/run

.PHONY: picture
picture: venv ## Draw the audit of the demo for the README, light and dark (root or sudo).
	$(AS_ROOT) $(BIN)/python -m demo.picture

.PHONY: page
page: venv lab-up ## Photograph the page of an audit of the lab for the guide, light and dark (root or sudo).
	$(AS_ROOT) $(BIN)/python -m demo.page

.PHONY: test
test: test-unit test-engines test-role test-molecule ## * Run all tests: without an Engine, then on real ones (root or sudo).

.PHONY: test-unit
test-unit: venv ## * Run the unit tests (seconds, no Engine).
	$(PYTEST) tests/unit $(PYTEST_OPTIONS)

.PHONY: fuzz
fuzz: venv ## Try 100,000 strange inputs of each kind: the Engine's answers, options, references, patterns (no Engine).
	IMAGEWARDEN_INPUTS=$${IMAGEWARDEN_INPUTS:-100000} $(PYTEST) tests/unit/fuzz --numprocesses 2 $(PYTEST_OPTIONS)

.PHONY: coverage
coverage: venv ## Fail when a branch of what decides (see pyproject.toml) is taken by no unit test.
	$(PYTEST) tests/unit --quiet --deselect $(TIMED) --cov --cov-branch

.PHONY: test-engines
test-engines: venv ## * Run the tests on the real engines of the lab, which they start (root or sudo).
	$(AS_ROOT) $(PYTEST) tests/lab tests/integration --ignore tests/integration/test_role.py $(SIDE_BY_SIDE) $(PYTEST_OPTIONS)

.PHONY: test-role
test-role: venv ## Run the role and the playbooks on the real engines of the lab (root or sudo).
	$(AS_ROOT) $(PYTEST) tests/integration/test_role.py $(PYTEST_OPTIONS)

.PHONY: test-molecule
test-molecule: venv ## Run the Molecule scenarios of the role, over SSH on the hosts of the lab (root or sudo).
	@# What an earlier run left half-way counts as prepared.
	export PATH="$(CURDIR)/$(BIN):$$PATH"; \
	for command in reset "test $(MOLECULE_OPTIONS)"; do $(AS_ROOT) env PATH="$$PATH" molecule $$command --all; done

.PHONY: test-matrix
test-matrix: venv .nox/.pins ## Run the unit tests on the managed hosts' Pythons and Docker SDKs that this machine has.
	$(NOX) --session test-matrix

.PHONY: lab-up
lab-up: venv ## * Start the engines of the lab that can run here (see tests/lab/README.md).
	$(AS_ROOT) $(BIN)/python -m tests.lab up

.PHONY: lab-status
lab-status: venv ## Show which engines of the lab run.
	$(AS_ROOT) $(BIN)/python -m tests.lab status

.PHONY: lab-down
lab-down: venv ## * Stop the lab and remove what it left.
	$(AS_ROOT) $(BIN)/python -m tests.lab down

.PHONY: bench
bench: venv ## Measure, beside the Docker CLI and community.docker (root or sudo; hours; BENCH_OPTIONS=--quick to try it).
	$(AS_ROOT) $(BIN)/python -m tests.bench $(BENCH_OPTIONS)

.PHONY: lint
lint: venv .nox/.pins ## * Run every linter: format, types, documentation, licences, changelog, ansible-lint, galaxy-importer.
	$(NOX) --sessions $(LINT)

.PHONY: sanity
sanity: venv ## * Run ansible-test sanity, without ignore files, on every supported ansible-core.
	$(BIN)/python tests/tools/ansible_test.py sanity all
	@# The newest Python of managed hosts, that of Debian testing.
	$(BIN)/python tests/tools/ansible_test.py --debian forky sanity 2.21 --test compile --test import

.PHONY: units
units: venv ## Run the unit tests as ansible-test units does, on every supported ansible-core.
	$(BIN)/python tests/tools/ansible_test.py units all

.PHONY: format
format: venv ## * Format the Python files.
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

.PHONY: docs
docs: venv .nox/.pins ## * Build the documentation site into build/docs.
	$(NOX) --session docs

.PHONY: release
release: venv .nox/.pins ## Build what a release publishes into dist/ and say how to publish it.
	$(NOX) --sessions release docs
	@cat dist/PUBLISH.md

.PHONY: promises
promises: venv ## Count the tests and write the tables of the page on promises, from tests/promises.yml.
	$(BIN)/python tests/tools/promises.py

.PHONY: rooms
rooms: ## Draw the rooms of plugins/ and the arrows between them, from the code.
	@python3 tests/tools/rooms.py

.PHONY: clean
clean: ## Remove what the other targets created (stop the lab with lab-down first).
	rm -rf .venv .cache .nox .ansible .hypothesis .pytest_cache .ruff_cache .mypy_cache build dist tests/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
