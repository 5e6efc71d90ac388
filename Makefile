# Every task a person runs. Each target does its own set-up: a machine needs Python 3.11 to 3.13, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PORT ?= 8000
CH ?= 01
# With which releases the tool chain is installed; empty for the newest.
CONSTRAINTS ?= constraints.txt
# How many tests run at once, on two cores: one more than those, since tests of browsers, processes and limits mostly
# wait. `make shake` keeps two cores busy beside a test, so as many have been seen to get on.
JOBS ?= 3
EDITION ?= student
export PYTHONPATH := $(CURDIR)/code
# Idle OpenMP threads sleep instead of spinning: on two busy cores a training step took 2.5 s spinning and 0.2 s so.
export OMP_WAIT_POLICY := PASSIVE

.DEFAULT_GOAL := help
.PHONY: help book pdf slides preview check lint test notebooks serve results photos replay gpu bench mutants shake links clean distclean

# What the pages are made of. The stamp is as new as the last build that succeeded.
BUILT := _build/html/.built
SOURCES := _config.yml _toc.yml references.bib pyproject.toml $(shell find book code results -type f \
    -not -name "*.pyc" -not -path "*.egg-info*")
# Each worker of pytest computes on one thread. Files in their order, which tests/conftest.py makes: the longest first.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

help:                ## list the targets
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/' | sort

# The stamp is newer than both files only after a complete installation.
$(READY): requirements.txt pyproject.toml $(CONSTRAINTS)
	@echo "== installing into $(VENV) (some minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --progress-bar on -r requirements.txt $(CONSTRAINTS:%=-c %)
	$(BIN)/python -m pip check
	@touch $@

book: $(READY)       ## execute every chapter and build the site: _build/html/index.html
	@echo "== generating the embedded data"
	$(BIN)/segbook data make-toy
	@echo "== executing the chapters and building the pages (warnings are errors)"
	@touch _build/.begun 2>/dev/null || { mkdir -p _build; touch _build/.begun; }
	$(BIN)/jupyter-book build . -W -n --keep-going
	$(BIN)/python -m bookbuild.slides _build/html >/dev/null
	@mv _build/.begun $(BUILT)
	@echo "== done: open _build/html/index.html, or run make serve"

$(BUILT): $(SOURCES)
	$(MAKE) --no-print-directory book

pdf: $(READY) $(BUILT)  ## the whole book as a PDF, printed by Chromium: _build/html/segbook.pdf
	$(BIN)/python -m bookbuild.pdf _build/html _build/html/segbook.pdf

slides: $(READY) $(BUILT)  ## a deck for each session of the instructor's guide: _build/html/slides
	$(BIN)/python -m bookbuild.slides _build/html

preview: $(READY)    ## one page executed, the others as text, in a browser (CH=04, or an optional page's name)
	@$(BIN)/segbook data make-toy >/dev/null
	$(BIN)/python -m bookbuild.site.preview $(CH) --port $(PORT)

serve: $(READY) $(BUILT)  ## serve the book on localhost, built again if anything is newer (PORT=8000)
	@$(BIN)/python -m bookbuild.site.serve _build/html $(PORT)

lint: $(READY)
	@echo "== lint: code, prose, notebooks in step with their sources"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m bookbuild.lint
	$(BIN)/python -m bookbuild.measure
	$(BIN)/python -m bookbuild.notebooks.export --check

check: lint          ## in three minutes: lint, notebooks in step, the tests that need no book, lines of code
	@$(BIN)/segbook data make-toy >/dev/null
	$(PYTEST) tests --ignore tests/book -m "not slow"
	@$(BIN)/python -m bookbuild.size

test: lint           ## everything that proves the project
	@echo "== the strict build"
	$(MAKE) --no-print-directory book
	@echo "== tests"
	$(PYTEST)

notebooks: $(READY)  ## each chapter's notebook beside its source (EDITION=instructor, with solutions, or nbgrader: into _build)
	$(BIN)/python -m bookbuild.notebooks.export --edition $(EDITION) $(if $(filter-out student,$(EDITION)),--out _build/$(EDITION))

results: $(READY)    ## the trainings whose numbers the chapters print, what is missing of them (RUNS=toyvoc control/*)
	$(BIN)/python -m bookbuild.experiments.toyvoc $(RUNS)

photos: $(READY)     ## the networks on photographs, what is missing of them, and their pictures (ROWS=photos/fcn32s*)
	$(BIN)/python -m bookbuild.experiments.photos $(ROWS)
	$(if $(ROWS),,$(BIN)/python -m bookbuild.experiments.photos strips)
	$(if $(ROWS),,$(BIN)/python -m bookbuild.demo.pictures)

gpu:                 ## the full-size networks on CUDA, with the torch that $(PYTHON) has; SEGBOOK_DATA names the data
	$(PYTHON) -m bookbuild.experiments.photographs --device cuda $(RUNS)
	$(PYTHON) -m bookbuild.bench.gpu

bench: $(READY)      ## our speed as ratios to its peers, and what each network costs: results/bench.json
	$(BIN)/python -m bookbuild.bench.run

replay: $(READY)     ## the recorded trainings that chapter 11 plays back
	$(BIN)/python -m bookbuild.experiments.replay

mutants: $(READY)    ## how much the checkers notice: small mistakes in the solutions, each put to its checker
	$(BIN)/python -m bookbuild.mutants.run --answers tests/segbook/checks/answers

shake: $(READY)      ## the tests of processes, signals, browsers and time, 20 times each with all cores busy
	$(BIN)/python -m bookbuild.shake

links: book          ## ask every address that the book links to, needs the internet
	$(BIN)/jupyter-book build . --builder linkcheck

clean:               ## remove what was built, keep the executed chapters and the environment
	rm -rf $(filter-out _build/.jupyter_cache _build/.segment,$(wildcard _build/* _build/.[a-z]*))

distclean:           ## remove everything that was made, the environment too
	rm -rf _build $(VENV)
