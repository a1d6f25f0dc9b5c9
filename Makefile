# Two commands for a fresh checkout: `make run` and `make test`. Both set up `.venv` first, once.
.DEFAULT_GOAL := help
.PHONY: help run test lint clean
.SUFFIXES:

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

help:
	@echo "make run    set up $(VENV), judge the solutions of argmin, render the report"
	@echo "make test   set up $(VENV), lint, type-check and run the whole test suite"
	@echo "make lint   ruff and mypy alone"
	@echo "make clean  remove $(VENV) and what was rendered"

run: $(READY)
	@echo "== bench run --problem argmin"
	@$(BIN)/bench run --problem argmin
	@echo "== bench report"
	@$(BIN)/bench report

test: $(READY) lint
	@echo "== pytest"
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: $(READY)
	@echo "== ruff, mypy"
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

$(READY): pyproject.toml scripts/set_up.sh
	@sh scripts/set_up.sh $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) reports/html reports/logs .pytest_cache .mypy_cache .ruff_cache
