# Every task a person runs. Each target does its own set-up: a machine needs Python 3.11 to 3.13, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PORT ?= 8000
EDITION ?= student
INSTRUCTOR := _build/instructor
export PYTHONPATH := $(CURDIR)/code
# Idle OpenMP threads sleep instead of spinning: on two busy cores a training step took 2.5 s spinning and 0.2 s so.
export OMP_WAIT_POLICY := PASSIVE

.DEFAULT_GOAL := help
.PHONY: help book html test lint notebooks serve results network replay gpu bench mutants links clean

help:                ## list the targets
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/' | sort

# The stamp is newer than both files only after a complete installation.
$(READY): requirements.txt pyproject.toml
	@echo "== installing into $(VENV) (some minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --progress-bar on -r requirements.txt
	$(BIN)/python -m pip check
	@touch $@

book: $(READY)       ## execute every chapter and build the site: _build/html/index.html
	@echo "== generating the embedded data"
	$(BIN)/segbook data make-toy
	@echo "== executing the chapters and building the pages (warnings are errors)"
	$(BIN)/jupyter-book build . -W -n --keep-going
	@echo "== done: open _build/html/index.html, or run make serve"

test: $(READY)       ## everything that proves the project
	@echo "== lint"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@echo "== notebooks in step with their sources"
	$(BIN)/python -m bookbuild.notebooks.export --check
	@echo "== the strict build"
	$(MAKE) --no-print-directory book
	@echo "== tests"
	$(BIN)/python -m pytest

notebooks: $(READY)  ## write each chapter's notebook beside its source (EDITION=instructor: with solutions, into _build)
	$(BIN)/python -m bookbuild.notebooks.export --edition $(EDITION) $(if $(filter instructor,$(EDITION)),--out $(INSTRUCTOR))

serve: $(READY)      ## serve the built book on localhost (PORT=8000)
	@test -f _build/html/index.html || $(MAKE) --no-print-directory book
	@echo "http://localhost:$(PORT)/"
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

results: $(READY)    ## the trainings whose numbers the chapters print, what is missing of them (RUNS=toyvoc control/*)
	$(BIN)/python -m bookbuild.experiments.toyvoc $(RUNS)

gpu:                 ## the full-size networks on CUDA, with the torch that $(PYTHON) has; SEGBOOK_DATA names the data
	$(PYTHON) -m bookbuild.experiments.photographs --device cuda $(RUNS)
	$(PYTHON) -m bookbuild.bench.gpu

network: $(READY)    ## train and export the network that runs in the page, draw its pictures
	OMP_NUM_THREADS=1 $(BIN)/python -m bookbuild.demo.network

bench: $(READY)      ## our speed as ratios to its peers, and what each network costs: results/bench.json
	$(BIN)/python -m bookbuild.bench.run

replay: $(READY)     ## the recorded trainings that chapter 11 plays back
	$(BIN)/python -m bookbuild.experiments.replay

mutants: $(READY)    ## how much the checkers notice: small mistakes in the solutions, each put to its checker
	$(BIN)/python -m bookbuild.mutants.run --answers tests/segbook/checks/answers

links: book          ## ask every address that the book links to, needs the internet
	$(BIN)/jupyter-book build . --builder linkcheck

clean:               ## remove what was built, keep the environment
	rm -rf _build
