# Needs Python 3.11 or newer, git and make. `make help` lists the commands.
# Another Python: make PYTHON=python3.12 demo

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

# A stamp is newer than the list it was made from once pip has installed that list.
APP_STAMP := $(VENV)/requirements.stamp
DEV_STAMP := $(VENV)/requirements-dev.stamp

# A process for each core, at most four: each holds the embedded models. A file's tests stay together.
PYTEST := pytest -n auto --maxprocesses 4 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help demo test test-all coverage mutants fuzz check fix docs lock models

help:  ## show these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: models  ## start the page and print its address; ARGS="..." goes to app.py
	@$(RUN) app.py $(ARGS)

test: models $(DEV_STAMP)  ## run the tests, of each long sweep a sample; ARGS="..." goes to pytest
	@$(RUN) -m $(PYTEST) $(ARGS)

test-all: models $(DEV_STAMP)  ## run the tests with every sweep whole, those that fetch packages among them
	@$(RUN) -m $(PYTEST) --all $(ARGS)

coverage: models $(DEV_STAMP)  ## run the tests, and show which lines and branches none of them reaches
	@$(RUN) -m coverage erase
	@$(RUN) -m coverage run -m $(PYTEST) $(ARGS)
	@$(RUN) -m coverage combine --quiet
	@$(RUN) -m coverage report

mutants: $(DEV_STAMP)  ## change the code in small ways, and show which changes no test notices (it goes on where it stopped)
	@OMP_NUM_THREADS=1 $(VENV)/bin/mutmut run $(ARGS)
	@$(VENV)/bin/mutmut results

fuzz: $(DEV_STAMP)  ## look for bytes that break what takes text, files or JSON; ARGS="upload -runs=9999" goes to the fuzzer
	@$(RUN) -m tests.fuzz $(or $(ARGS),all -max_total_time=600)

check: $(DEV_STAMP)  ## run the linter and the formatter check
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .

fix: $(DEV_STAMP)  ## mend what the linter can mend, and format
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

docs: $(APP_STAMP)  ## write docs/options.md, docs/results.md and the pages below it anew
	@PYTHONPATH=. $(RUN) docs/options.py
	@$(RUN) -m train_cli results

lock: | $(RUN)  ## resolve requirements.txt anew, with the hash of every file
	@$(RUN) -m pip install --disable-pip-version-check uv==0.13.9
	@PATH=$(VENV)/bin:$$PATH $(RUN) docs/lock.py

models: $(APP_STAMP)  ## fetch, verify and convert the embedded models (once)
	@$(RUN) -m train_cli models fetch

$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Fusion Demo needs Python 3.11 or newer, and '$(PYTHON)' is not that." \
	         "Install one, or name it: make PYTHON=python3.12 demo" >&2; exit 1; }
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
	    echo "'$(PYTHON)' cannot make a virtual environment. On Debian and Ubuntu:" \
	         "apt install python3-venv" >&2; exit 1; }

# First the very files of the lock; then what is no part of it: torch, and what that needs on a GPU.
$(APP_STAMP): requirements.txt requirements.lock | $(RUN)
	@$(RUN) -m pip install --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(RUN) -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

$(DEV_STAMP): requirements-dev.txt $(APP_STAMP)
	@$(RUN) -m pip install --disable-pip-version-check -r requirements-dev.txt
	@touch $@
