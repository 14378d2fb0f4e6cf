# Thin on purpose: each target is one command that can be typed without make.

PYTHON ?= python3
TOOLS := $(CURDIR)/.venv/bin
PACKAGES := api assurance audit chain federation ipfs scripts stack study twin
export PATH := $(TOOLS):$(PATH)
export HARDHAT_DISABLE_TELEMETRY := true

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint contracts audit-contracts lock clean

help: ## Show these targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

setup: ## Install what is missing (safe to repeat)
	@$(PYTHON) stack/bootstrap.py

demo: setup ## Run a whole study on this machine
	@assent demo

test: lint contracts ## Run every check and test
	pytest

lint: setup ## Check style, format and types
	ruff check .
	ruff format --check .
	mypy --strict $(PACKAGES)

contracts: setup ## Run the Solidity tests
	cd hardhat-local && npx hardhat test solidity

audit-contracts: setup ## Run Slither, halmos, coverage, gas and mutation testing (hours at most)
	@python -m assurance

lock: ## Write the lock files anew from requirements.in and assurance/requirements.in
	@$(PYTHON) stack/bootstrap.py --lock

clean: ## Remove what runs and tools wrote here (not .venv)
	rm -rf out hardhat-local/artifacts hardhat-local/cache hardhat-local/coverage hardhat-local/types
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +
