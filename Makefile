# `make run` builds and runs the main job; `make test` builds and passes the tests.
PYTHON ?= python3
# 3.13, or 3.13t for the free-threaded build of it.
TAG    := $(shell $(PYTHON) -c 'import sys; print("%d.%d%s" % (*sys.version_info[:2], sys.abiflags))')
VENV   := .venv/$(TAG)
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-warn-script-location

.PHONY: run test test-newer conformance-newer test-slow test-dask attacks fuzz bench-import bench-machines bench-installed bench-fakefs fakefs-suites bench-trees bench-programs bench-points bench-record bench-instructions build lint docs pictures stubs conformance conformance-more conformance-machines conformance-all coverage bench wheels test-wheels test-sdist stress clean

run: build
	@$(BIN)/ostler run examples/tour.py

test: build
	$(BIN)/python -m pytest $(OPTIONS)

# The same on Pythons newer than the machine's, which build_tools/newer fetches (as root, on Linux,
# some minutes), or compiles: NEWER=3.13t. NEWER: which; GOALS: what is made there instead, with OPTIONS.
NEWER ?= 3.14 3.15
GOALS ?= test
test-newer:
	@build_tools/newer get $(NEWER)
	@for version in $(NEWER); do echo "== Python $$version"; \
	  build_tools/newer make $$version --no-print-directory $(GOALS) \
	    OPTIONS='$(OPTIONS)' </dev/null || exit; done
conformance-newer:
	@$(MAKE) --no-print-directory test-newer GOALS=conformance

# Trees of a million names and of ten thousand levels, and the memory that they take.
test-slow: build
	$(BIN)/python -m pytest -m slow -s $(OPTIONS)

# What a lesser user, a confined program or a crash must not be able to do, all of it tried: started
# by root, as root and as an ordinary user. Three parts run side by side; each prints when it ends.
PARTS := $(addprefix attacks-,other ordinary thorough)
.PHONY: $(PARTS)
attacks: build
	$(MAKE) --no-print-directory -j3 -k --output-sync=target $(PARTS)
attacks-other:
	$(BIN)/python -m pytest tests/attacks -m 'not slow' -k 'not ordinary' $(OPTIONS)
attacks-ordinary: # which there is none of where no root has started it: status 5
	$(BIN)/python -m pytest tests/attacks -m 'not slow' -k ordinary $(OPTIONS) || [ $$? -eq 5 ]
attacks-thorough:
	$(BIN)/python -m pytest tests -m 'thorough and not slow' --ignore=tests/attacks $(OPTIONS)

# The tree operations on a real Dask cluster of local processes, a worker killed in the middle.
test-dask: build
	@$(PIP) 'dask[distributed]'
	$(BIN)/python -m pytest -m dask $(OPTIONS)

build: $(VENV)/.built

# Of what the tests use, the newest version that comes compiled for this Python: to compile another
# may take what is not here.
NO_BUILDS := --only-binary :all:

# The stamp is older than any source that changed: then the package is built again, in place.
SOURCES := build_tools/launcher.c \
  $(shell find src build_tools setup.py pyproject.toml -name '*.py' -o -name '*.pxd' -o -name '*.toml')
$(VENV)/.built: $(SOURCES) | $(BIN)/python
	@echo "building ostler for Python $(TAG) in $(VENV) (a minute or two)"
	@$(PIP) $(NO_BUILDS) -e '.[test,cli]' || $(PIP) -e '.[test,cli]'
	@touch $@

# Where the interpreter comes without ensurepip, its own pip fills the environment.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("ostler needs Python 3.11 or newer; choose one: make PYTHON=python3.13")'
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || \
	  { $(PYTHON) -m venv --clear --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install -qq pip; }

$(VENV)/.linters: pyproject.toml | build
	@$(PIP) 'ruff>=0.8' 'mypy>=1.13' 'basedpyright>=1.20'
	@touch $@

lint: $(VENV)/.linters
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(MAKE) --no-print-directory stubs

# The site, in site/: a broken link, and a name that is not there, is an error. It needs no network
# but to fetch the generator. SHOW=1 serves it on this computer afterwards.
docs: $(VENV)/.docs
	$(BIN)/python -m build_tools.site_pages
	$(BIN)/zensical build --strict --clean
	@$(if $(SHOW),$(BIN)/python -m http.server --directory site --bind 127.0.0.1 8000,)

$(VENV)/.docs: pyproject.toml | build
	@$(PIP) $$($(BIN)/python -m build_tools.extra docs)
	@touch $@

# The pictures of the terminal in docs/pictures/, from real runs: about a minute.
pictures: build
	$(BIN)/python -m build_tools.pictures $(OPTIONS)

# The stubs against the compiled modules themselves: names, arguments, defaults.
stubs: $(VENV)/.linters
	MYPYPATH=src $(BIN)/python -m mypy.stubtest ostler --mypy-config-file pyproject.toml \
	  --allowlist tests/stubtest.txt --ignore-unused-allowlist --ignore-disjoint-bases

# CPython's own suites, on its os and on ostler; OPTIONS="--help" tells what can be chosen.
conformance: build
	$(BIN)/python -m tests.conformance $(OPTIONS)

# The wider part of CPython's suites that leans on os: about a hundred modules.
conformance-more: build
	$(BIN)/python -m tests.conformance --wider $(OPTIONS)

# Six of them inside a scratch and inside a rehearsal: the whole process tree is on the machine.
conformance-machines: build
	$(BIN)/python -m tests.conformance.on_machines $(OPTIONS)

conformance-all:
	@build_tools/interpreters | while read -r version python; do \
	  $(MAKE) --no-print-directory conformance PYTHON="$$python" </dev/null || exit; done

# Generated programs on os and on ostler, side by side, for some minutes; OPTIONS="--help" tells
# what can be chosen.
fuzz: build
	$(BIN)/python -m tests.fuzz $(or $(OPTIONS),--seconds 300)

# Eight threads at once over environ, listing, walking, trees, spawning, machines and installed(); most
# is found on a free-threaded build: make test-newer NEWER=3.13t GOALS=stress. SECONDS: of all together.
SECONDS ?= 180
stress: build
	$(BIN)/python -m tests.stress --seconds $(SECONDS) $(OPTIONS)

# Every call of os against ostler's; OPTIONS="--help" tells what can be chosen.
bench: $(VENV)/.bench
	$(BIN)/python -m bench $(OPTIONS)

# What `import ostler` and the command take to start, beside other imports; fails where a gate is
# missed.
bench-import: build
	$(BIN)/python -m bench.bench_import $(OPTIONS)

# Machines beside the host's own calls and pyfakefs, and a workload under ostler rehearse and under
# other tools; OPTIONS="--help" tells what can be chosen.
bench-machines: $(VENV)/.bench
	@$(PIP) pyfakefs
	@$(PIP) sandlock || echo "sandlock can't be installed here"
	$(BIN)/python -m bench.bench_machines $(OPTIONS)

# install(), the way into installed(), and tests with a machine, beside pyfakefs; OPTIONS="--help"
# tells what can be chosen. It fails where a goal is missed: run it while nothing else runs.
bench-installed: $(VENV)/.bench
	@$(PIP) pyfakefs || echo "pyfakefs can't be installed here"
	$(BIN)/python -m bench.bench_installed $(OPTIONS)

# Tests on ostler.fakefs beside pyfakefs, set-up included; OPTIONS="--help" tells more. It fails where a
# goal is missed.
bench-fakefs: build
	@$(PIP) pyfakefs
	$(BIN)/python -m bench.bench_fakefs $(OPTIONS)

# Test suites from the index that use pyfakefs, with it and with ostler.fakefs: half an hour, and the
# network. OPTIONS: packages; "--help" tells more.
fakefs-suites: build
	$(BIN)/python -m tests.fakefs_suites $(OPTIONS)

# Whole trees against the standard library and the known tools; OPTIONS="--help" tells more.
bench-trees: $(VENV)/.bench
	$(BIN)/python -m bench.bench_trees $(OPTIONS)

# Calls by the instructions that they take, counted by valgrind; OPTIONS="--help" tells more.
bench-instructions: build
	$(BIN)/python -m bench.instructions $(OPTIONS)

# Whole programs from the index, under python and under ostler run; OPTIONS="--help" tells more.
bench-programs: build
	$(BIN)/python -m bench.bench_programs $(OPTIONS)

# Points of a rehearsal beside git stash and copies; OPTIONS="--help" tells more. It fails where a goal
# is missed: run it while nothing else runs.
bench-points: build
	$(BIN)/python -m bench.bench_points $(OPTIONS)

# What it costs to record what programs do, beside strace; OPTIONS="--help" tells more.
bench-record: build
	$(BIN)/python -m bench.bench_record $(OPTIONS)

# The floor is a loop of C, compiled when it is first needed.
$(VENV)/.bench: | build
	@$(PIP) 'setuptools>=77' 'cython==3.3.*'
	@touch $@

# Line by line what the tests run of the compiled modules; on 3.11, where Cython can trace them.
# OPTIONS: tests to run instead of all.
coverage: $(VENV)/.coverage
	build_tools/coverage "$$PWD/$(BIN)/python" $(OPTIONS)

$(VENV)/.coverage: | build
	@$(PIP) coverage 'setuptools>=77' 'cython==3.3.*'
	@touch $@

# The files of a release, and what is said of each: see build_tools/wheels.py. The compiler and the C
# libraries of all targets come with ziglang; of the Pythons there need be nothing but headers.
TOOLS := .venv/wheels/bin/python
wheels: .venv/wheels/.built
	@$(TOOLS) build_tools/wheels.py $(OPTIONS)

# Each wheel of dist/ in a fresh environment, with tests, where it can run: build_tools/try_wheels.py.
test-wheels: .venv/wheels/.built
	@$(TOOLS) build_tools/try_wheels.py $(OPTIONS)

# The source archive, built with a C compiler and without: build_tools/try_sdist.py.
test-sdist: .venv/wheels/.built
	@$(TOOLS) build_tools/try_sdist.py

.venv/wheels/.built: build_tools/wheels.txt
	@$(PYTHON) -m venv --clear .venv/wheels
	@$(TOOLS) -m pip install -qq --disable-pip-version-check -r build_tools/wheels.txt
	@touch $@

clean:
	rm -rf build .venv src/*.egg-info
	find src -name '*.so' -delete
