# Two commands: `make demo` and `make test`. Both build .venv first, from nothing but Python 3.11+, make and a compiler.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
QUICK := $(addprefix tests/,config core cv estimate explore host proposals report sampler store systems test_layers.py test_docstrings.py)

.PHONY: demo test quick slow bench docs clean

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

# Under a minute on one core, for the loop of a contributor: neither shapes are checked at calls nor types by mypy.
quick: $(BIN)/cvflow
	$(BIN)/ruff check .
	$(BIN)/python -m pytest -q -m "not slow and not long" -o addopts="--strict-markers --strict-config" $(QUICK)

slow: $(BIN)/cvflow
	$(BIN)/python -m pytest -m slow -s

# The site of docs/, in build/site; a warning is an error.
docs: $(BIN)/cvflow
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(BIN)/cvflow
	$(BIN)/python benchmarks/steered_steps.py

clean:
	rm -rf $(VENV) build dist *.egg-info
