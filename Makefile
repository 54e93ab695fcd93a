# Two commands: `make demo` and `make test`. Both build .venv first, from nothing but Python 3.11+, make and a compiler.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test slow bench clean

$(BIN)/cvflow: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $(BIN)/cvflow

demo: $(BIN)/cvflow
	$(BIN)/cvflow polymer --quick

test: $(BIN)/cvflow
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

slow: $(BIN)/cvflow
	$(BIN)/python -m pytest -m slow -s

bench: $(BIN)/cvflow
	$(BIN)/python benchmarks/steered_steps.py

clean:
	rm -rf $(VENV) build dist *.egg-info
