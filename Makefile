# Each target does its own set-up: on a fresh machine with Python 3.11 or newer, `make demo` or `make test` is all.

PYTHON ?= python3
BIN := .venv/bin
DATA := .data
DEMO := runs/demo

.PHONY: demo test lint bench clean

demo: .venv/.train
	rm -rf $(DEMO)
	$(BIN)/classicnets train lenet5 --data digits --out $(DEMO)

test: .venv/.dev $(DATA)/.complete
	CLASSICNETS_DATA=$(CURDIR)/$(DATA) $(BIN)/python -m pytest

lint: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.dev $(DATA)/.complete
	$(BIN)/python benchmarks/data_throughput.py --data-dir $(DATA)
	$(BIN)/python benchmarks/train_throughput.py

clean:
	rm -rf .venv $(DATA)

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.train: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[train]"
	touch $@

.venv/.dev: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[train,dev]"
	touch $@ .venv/.train

$(DATA)/.complete: .venv/.dev tools/fetch_datasets.py
	$(BIN)/python tools/fetch_datasets.py --data-dir $(DATA)
	touch $@
