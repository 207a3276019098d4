# One word per habit. Bare `make` lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
BOTH_MINORS := tests/flows/test_held.py tests/flows/test_undecided.py tests/browser/test_held_run.py tests/browser/test_undecided_run.py
CLIP_TORCH ?= torch==2.13.0 torchvision==0.28.0
INSTALL := -m pip install --quiet --disable-pip-version-check
LOCKED := $(INSTALL) --require-hashes --no-deps
EDITABLE := $(INSTALL) --no-deps --no-build-isolation -e .

.PHONY: help install setup demo test test-all test-prefect38 test-clip test-live crash-test test-scale bench-sensor bench-night bench-data bench-gate bench-payments check format lock browser screenshots clean

help: ## List these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1|/' | column -t -s '|'

install: .venv/.ready ## Make .venv with what Tuneloop needs to run, and the command tuneloop

setup: .venv/.ready-dev ## The same, with what development needs on top

# The runtime, and the build backend of this checkout.
.venv/.ready: constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tuneloop needs Python 3.11 or newer; name one with PYTHON=…")'
	@echo "Setting up .venv (about a minute)"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python $(LOCKED) -r constraints.txt
	@$(BIN)/python $(EDITABLE)
	@# Some Pythons put an old one into every venv. Nothing here needs it.
	@$(BIN)/python -m pip uninstall --quiet --yes --disable-pip-version-check setuptools 2>/dev/null || true
	@touch $@

.venv/.ready-dev: .venv/.ready constraints-dev.txt
	@echo "Adding what development needs"
	@$(BIN)/python $(LOCKED) -r constraints-dev.txt
	@touch $@

demo: install ## Retrain a sample model three times on an emulated provider (ARGS="--exit --json out.json")
	@$(BIN)/tuneloop demo $(ARGS) || [ $$? = 130 ] # Ctrl-C is no error

TEST := $(BIN)/python -m pytest -n 4 --no-loadscope-reorder

test: setup ## Run the tests, but for what is long by nature or needs a browser (ARGS="tests/datasets -x")
	@$(TEST) -m "not long" $(ARGS)

test-all: setup browser ## Run every test
	@$(TEST) $(ARGS)

browser: setup ## Get Chromium for the browser tests, where there is none
	@$(BIN)/python -m tests.browser.find_browser

screenshots: setup browser ## Keep images of the UI in screenshots/
	@$(BIN)/python -m tests.browser.screenshots

test-live: setup ## Run the provider contract on a real service (LIVE=segmind SEGMIND_API_KEY=…)
	@LIVE=$${LIVE:-nobody} $(BIN)/python -m pytest tests/contract tests/providers/test_blocks.py -rs $(ARGS)

test-prefect38: setup browser .venv-prefect38/.ready ## Test forms and waiting runs on Prefect 3.8, and on 3.8 beside 3.9
	@echo "Prefect 3.8" && .venv-prefect38/bin/python -m pytest $(BOTH_MINORS) $(ARGS)
	@echo "Server 3.8, client 3.9" && SERVER_PYTHON=.venv-prefect38/bin/python $(BIN)/python -m pytest $(BOTH_MINORS) $(ARGS)
	@echo "Server 3.9, client 3.8" && SERVER_PYTHON=$(BIN)/python .venv-prefect38/bin/python -m pytest $(BOTH_MINORS) $(ARGS)

.venv-prefect38/.ready: constraints.txt constraints-dev.txt constraints-prefect38.txt pyproject.toml
	@echo "Setting up .venv-prefect38"
	@$(PYTHON) -m venv --clear .venv-prefect38
	@.venv-prefect38/bin/python $(LOCKED) -r constraints.txt -r constraints-dev.txt
	@.venv-prefect38/bin/python $(LOCKED) -r constraints-prefect38.txt
	@.venv-prefect38/bin/python $(EDITABLE)
	@touch $@

test-clip: .venv-clip/.ready ## Test the scores with a CLIP model, beside a torch of their own
	@.venv-clip/bin/python -m pytest tests/evaluation/metrics $(ARGS)

# Torch alone comes without hashes: which build of it is right, and from which index, is the machine's business.
.venv-clip/.ready: constraints.txt constraints-dev.txt constraints-clip.txt pyproject.toml
	@echo "Setting up .venv-clip (torch is large; its CPU build will do)"
	@$(PYTHON) -m venv --clear .venv-clip
	@.venv-clip/bin/python $(LOCKED) -r constraints.txt -r constraints-dev.txt
	@.venv-clip/bin/python $(INSTALL) $(CLIP_TORCH)
	@.venv-clip/bin/python $(LOCKED) -r constraints-clip.txt
	@.venv-clip/bin/python $(EDITABLE)
	@touch $@

crash-test: setup ## Kill the pipeline and spoil its world at points of I/O, and judge the bills (ARGS="--full --json out.json")
	@$(BIN)/python -m tests.crash $(ARGS)

test-scale: setup ## Retrain much at once on PostgreSQL and Redis with two workers, kill them, and judge the bills (ARGS="--json out.json")
	@$(BIN)/python -m tests.scale $(ARGS)

bench-sensor: setup ## Measure a tick of the sensor beside a polling task per job (ARGS="--json out.json")
	@$(BIN)/python -m benchmarks.sensor $(ARGS)

bench-night: setup ## Measure a run with nothing to do and an idle tick beside an empty flow (ARGS="--json out.json")
	@$(BIN)/python -m benchmarks.night $(ARGS)

bench-data: setup ## Measure zip, upload, image check and download beside other tools (ARGS="--full --json out.json")
	@$(BIN)/python -m benchmarks.data $(ARGS)

bench-gate: setup ## Count how often the gate is wrong (ARGS="--json out.json")
	@$(BIN)/python -m benchmarks.gate $(ARGS)

bench-payments: setup ## Count what three clients of fal pay when the answer to a submit is lost (ARGS="--json out.json")
	@$(BIN)/python -m benchmarks.payments $(ARGS)

check: setup ## Lint, types and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: setup ## Format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	--no-emit-index-url --no-header --no-annotate

lock: setup ## Renew constraints.txt, constraints-kubernetes.txt, constraints-dev.txt and constraints-clip.txt
	@$(LOCK) --group build --extra team pyproject.toml -o constraints.txt
	@$(LOCK) --extra kubernetes --constraint constraints.txt \
		$$(sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package \1/p' constraints.txt) pyproject.toml -o constraints-kubernetes.txt
	@$(LOCK) --group dev --constraint constraints.txt --constraint constraints-kubernetes.txt \
		$$(sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package \1/p' constraints.txt) pyproject.toml -o constraints-dev.txt
	@echo 'open-clip-torch>=3,<4' | $(LOCK) --override .ci/without-torch.txt \
		--constraint constraints.txt --constraint constraints-dev.txt \
		--no-emit-package torch --no-emit-package torchvision --no-emit-package setuptools - -o constraints-clip.txt

clean: ## Remove what setup, demo and tests have made
	@rm -rf .venv .venv-prefect38 .venv-clip .demo .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis
