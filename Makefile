# Each target does its own set-up: on a fresh machine with Python 3.11 or newer, `make demo` or `make test` is all.

PYTHON ?= python3
BIN := .venv/bin
DATA := .data
DEMO := runs/demo
ORACLES := .venv-oracles/bin

.PHONY: demo test oracles lint bench clean

demo: .venv/.train
	rm -rf $(DEMO)
	$(BIN)/classicnets train lenet5 --data digits --out $(DEMO)

# A thread a process: threads of several processes on the same cores wait for each other.
test: .venv/.dev $(DATA)/.complete
	CLASSICNETS_DATA=$(CURDIR)/$(DATA) OMP_NUM_THREADS=1 $(BIN)/python -m pytest \
		--numprocesses auto --maxprocesses 4 --dist loadgroup

# The networks of other libraries, beside ours.
oracles: .venv-oracles/.complete
	$(ORACLES)/python -m pytest tests/oracles --numprocesses auto --maxprocesses 4

lint: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.dev .venv-oracles/.complete $(DATA)/.complete
	$(BIN)/python benchmarks/data_throughput.py --data-dir $(DATA)
	$(BIN)/python benchmarks/train_throughput.py
	$(BIN)/python benchmarks/load_memory.py
	$(ORACLES)/python benchmarks/create_time.py
	$(ORACLES)/python benchmarks/inspection.py

clean:
	rm -rf .venv .venv-oracles $(DATA)

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.train: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[train]"
	touch $@

.venv/.dev: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[train,keras,onnx,dev]"
	touch $@ .venv/.train

# torchvision and timm come without what they ask for: their torch is the one with gigabytes of CUDA packages.
.venv-oracles/.complete: pyproject.toml constraints.txt constraints-oracles.txt
	$(PYTHON) -m venv .venv-oracles
	$(ORACLES)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--constraint constraints-oracles.txt --editable ".[keras,onnx,oracles]"
	$(ORACLES)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--constraint constraints-oracles.txt torchvision timm
	touch $@

$(DATA)/.complete: .venv/.dev tools/fetch_datasets.py
	$(BIN)/python tools/fetch_datasets.py --data-dir $(DATA)
	touch $@
