# Needs Python 3.10 or newer; everything else goes into .venv. Another interpreter: make clean, then make PYTHON=/path run

PORT ?= 5000
VENV := .venv
BIN := $(VENV)/bin
NEW_ENOUGH := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do \
	"$$name" -c "$(NEW_ENOUGH)" 2>/dev/null && command -v "$$name" && break; done)
# setuptools warns of editable installs.
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip --disable-pip-version-check install --constraint constraints.txt
# setuptools, which pip builds this package with
export PIP_BUILD_CONSTRAINT := constraints.txt

.PHONY: run test test-browser test-versions standards smoke lint hooks docs pictures bench dist pins clean
.NOTPARALLEL:

run: $(VENV)/run
	@exec $(BIN)/python -m example_app $(PORT)

# A machine that cannot run all of them (no Redis server for its Python) still tests the rest; CI asks for all.
test: $(VENV)/test
	$(BIN)/python -m pytest -n auto --dist loadfile --cov=flask_apierrors --cov-branch --cov-fail-under=$(if $(CI),100,0)

# Needs Chromium and its driver besides (Debian: chromium, chromium-driver).
test-browser: $(VENV)/browser
	$(BIN)/python -m pytest tests/browser

# On each Python that is there, with the newest and the lowest dependencies, without each extra. One of them: TOXENV=3.12
test-versions: dist $(VENV)/versions
	rm -rf build/tests
	mkdir -p build/tests
	tar -xzf dist/*.tar.gz -C build/tests --strip-components 1
	rm -r build/tests/flask_apierrors
	$(BIN)/tox run

# docs/standards.md, from a run of the tests that prove it.
standards: $(VENV)/test
	$(BIN)/python -m tests.standards.page

lint: $(VENV)/lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell
	$(BIN)/mypy --strict
	PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH="$(CURDIR)" basedpyright --verifytypes flask_apierrors --ignoreexternal

# What pre-commit runs on a commit, on all files.
hooks: $(VENV)/lint
	$(BIN)/pre-commit run --all-files

# The pictures of README.md and of the pages. Needs Chromium, as test-browser does.
pictures: $(VENV)/browser
	$(BIN)/python -m docs.pictures

docs: $(VENV)/docs
	$(BIN)/sphinx-build -W --keep-going -q docs docs/_build

bench: $(VENV)/bench
	$(BIN)/python -m benchmarks

# The wheel is built from the sdist.
dist: $(VENV)/dist
	rm -rf dist
	$(BIN)/python -m build --no-isolation

# The wheel in an environment of its own, away from this folder.
smoke: dist
	rm -rf build/smoke
	"$(PYTHON)" -m venv build/smoke
	build/smoke/bin/python -m pip --disable-pip-version-check install -qq --constraint constraints.txt dist/*.whl
	cd / && $(CURDIR)/build/smoke/bin/python $(CURDIR)/.ci/smoke.py

# Everything above but test-versions installs these versions.
pins: $(VENV)/versions
	echo pip | $(BIN)/uv pip compile -q --upgrade --universal --python-version 3.10 --no-python-downloads --no-annotate --no-header \
		--all-extras $(foreach group,test browser bench lint docs versions,--group $(group)) -o constraints.txt pyproject.toml -

clean:
	rm -rf $(VENV) build dist *.egg-info instance docs/_build htmlcov .coverage* .*_cache .hypothesis .tox
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Shows each package while pip gets it, and fails if pip does.
define install
	@echo "Installing into $(VENV), for '$(@F)':"
	@rm -f $@
	@{ $(PIP) $(1) && touch $@; } | awk '/^Collecting/ { print "  " $$2; fflush() }'
	@test -e $@ || { echo "make: pip failed. Its whole output: $(PIP) $(1)" >&2; exit 1; }
endef

# Each file in .venv says that what has its name is installed, as pyproject.toml and constraints.txt ask.

$(VENV)/pip: constraints.txt
	@"$(PYTHON)" -c "$(NEW_ENOUGH)" 2>/dev/null || { \
		echo "make: needs Python 3.10 or newer with venv and ensurepip (Debian: python3-venv). Name one: make PYTHON=/path" >&2; \
		exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	$(call install,--upgrade pip)

EXAMPLE := --editable '.[jwt,openapi]' --group run

$(VENV)/run: $(VENV)/pip pyproject.toml setup.cfg
	$(call install,$(EXAMPLE))

$(VENV)/test $(VENV)/docs: $(VENV)/run
	$(call install,--group $(@F))

$(VENV)/dist $(VENV)/versions: $(VENV)/pip pyproject.toml
	$(call install,--group $(@F))

$(VENV)/browser: $(VENV)/test
	$(call install,--group $(@F))

# mypy reads the types of what the tests use, and the benchmarks race what the tests speak to.
$(VENV)/lint $(VENV)/bench: $(VENV)/test
	$(call install,--group $(@F))
