# Two commands on a fresh machine with Python >= 3.11: `make quickstart`, `make test`.
# EXTRA=cuda or EXTRA=tpu for an accelerator; PYTHON=python3.12 for another interpreter.

PYTHON ?= python3
VENV ?= .venv
EXTRA ?=

comma := ,
bin := $(VENV)/bin
install = $(bin)/python -m pip install --quiet --disable-pip-version-check --editable

.PHONY: quickstart test check quick-test format dictionary golden clean

quickstart: $(VENV)/installed$(EXTRA)
	$(bin)/scaling-lab run e00_exact_curve
	$(bin)/scaling-lab run e01_digits_mlp
	$(bin)/scaling-lab report e00_exact_curve
	$(bin)/scaling-lab report e01_digits_mlp

test: check
	$(bin)/python -m pytest -n 2 --dist loadfile

check: $(VENV)/installed-test$(EXTRA)
	$(bin)/ruff format --check --quiet .
	$(bin)/ruff check --quiet .
	$(bin)/pyright --pythonpath $(bin)/python

quick-test: $(VENV)/installed-test$(EXTRA)
	$(bin)/python -m pytest -n 2 --dist loadfile -m "not slow"

format: $(VENV)/installed-test$(EXTRA)
	$(bin)/ruff format .
	$(bin)/ruff check --fix .

# What is written from the source: the column dictionary from the schema, the catalogue of laws from
# their files, the names that type checkers see from the modules that hold them.
dictionary: $(VENV)/installed$(EXTRA)
	$(bin)/python -c "from scaling_lab.storage.schema import dictionary as d; print(d(), end='')" \
		> results/README.md
	$(bin)/python -c "from scaling_lab.analysis.laws_catalogue import page; print(page(), end='')" > docs/laws.md
	$(bin)/python -c "from scaling_lab.exports import write; write()"

# The golden texts of the plans, after an experiment was meant to change.
golden: $(VENV)/installed-test$(EXTRA)
	$(bin)/python tests/test_plans.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: $(PYTHON) is older than 3.11; give a newer one: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed$(EXTRA): pyproject.toml | $(VENV)/bin/python
	$(install) ".$(if $(EXTRA),[$(EXTRA)])"
	@touch $@

$(VENV)/installed-test$(EXTRA): pyproject.toml | $(VENV)/bin/python
	$(install) ".[test$(if $(EXTRA),$(comma)$(EXTRA))]"
	@touch $@ $(VENV)/installed$(EXTRA)

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache dist results/e00_exact_curve results/e01_digits_mlp
