# What a newcomer needs: `make demo` and `make test`. Everything is set up in virtual environments
# inside this folder. The definitions are in noxfile.py.

# After a change of PYTHON: make clean.
PYTHON ?= python3
# The MPI library of `make demo`: mpich or openmpi.
MPI ?= mpich
NOX := .venv/bin/nox

.DEFAULT_GOAL := help
.PHONY: help demo test lint fmt docs bench scaling clean

help:
	@echo "make demo   simulate a noisy circuit in one process, then on 2 MPI ranks in each partition"
	@echo "make test   lint and all tests; those that need MPI on MPICH and on Open MPI"
	@echo "make lint   style and types only"
	@echo "make fmt    rewrite the files in the house style"
	@echo "make docs   build the documentation into build/docs and check it"
	@echo "make bench  measure against other simulators, write docs/benchmarks.md (about three hours)"
	@echo "make scaling  measure scaling over MPI ranks, write docs/scaling.md (about 8 minutes)"
	@echo "make clean  remove everything that was built or installed here"

demo: .venv/ready
	@$(NOX) -s "demo(library='$(MPI)')"

test: .venv/ready
	@$(NOX)

lint: .venv/ready
	@$(NOX) -s lint

fmt: .venv/ready
	@$(NOX) -s fmt

docs: .venv/ready
	@$(NOX) -s docs

bench: .venv/ready
	@$(NOX) -s bench

scaling: .venv/ready
	@$(NOX) -s scaling

.venv/ready: Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=/path/to/python3")'
	@echo "Setting up .venv"
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install -qq --upgrade "pip>=25.1" "nox[uv]>=2024.10.9"
	@touch $@

clean:
	rm -rf .venv .venv-mpich .venv-openmpi .nox build dist
