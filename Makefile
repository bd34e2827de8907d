# The two commands of the README, and what they stand on.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
WALFLOW := .venv/bin/walflow

.PHONY: demo test test-long install install-dev lint types unit soak compose-demo compose-rehearsal bench bench-quick bench-latency bench-verify bench-worker lock help

help:
	@echo "make demo           install what is missing and run the pipeline, step by step"
	@echo "make test           lint, types, and the tests on the real servers"
	@echo "make test-long      outages of 20 s, kills at random moments, repair under load, memory"
	@echo "make compose-demo   the demo in containers; needs nothing but Docker (docs/compose.md)"
	@echo "make compose-rehearsal  the same on stand-ins, where no image can be pulled"
	@echo "make unit           the fast tests only"
	@echo "make soak           random workloads and kills for an hour; no row may differ (docs/soak.md)"
	@echo "make bench          the pipeline beside its peers and limits, for hours; writes docs/benchmarks.md"
	@echo "make bench-quick    most of it in five minutes, too short to be believed to the last digit"
	@echo "make bench-worker   CPU of the stream's Python per event, without servers"
	@echo "make bench-latency  commit -> Cassandra latency at three rates"
	@echo "make bench-verify   how long verify takes for a million rows, on a running stack"
	@echo "make lock           resolve requirements/*.in and pom.xml anew (needs uv)"

demo: install
	@$(WALFLOW) demo

COMPOSE ?= $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
compose-demo:
	@$(COMPOSE) up --build --detach
	@$(COMPOSE) run --rm demo

compose-rehearsal: install-dev
	@.venv/bin/python -m tests.rehearsal

test: install-dev lint types
	@.venv/bin/pytest -m "not long"

test-long: install-dev
	@.venv/bin/pytest -m long

install:
	@$(PYTHON) -m walflow.install

install-dev:
	@$(PYTHON) -m walflow.install --dev

lint:
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

types:
	@.venv/bin/mypy

unit: install-dev
	@.venv/bin/pytest tests/unit

soak: install-dev
	@.venv/bin/pytest tests/soak/differential.py tests/soak/crashes.py --timeout 0

bench: install-dev
	@.venv/bin/python -m bench --page

bench-quick: install-dev
	@.venv/bin/python -m bench --quick

bench-worker: install-dev
	@.venv/bin/python -m bench.worker_path

bench-latency: install-dev
	@.venv/bin/python -m bench latency

bench-verify: install
	@.venv/bin/python -m bench.verify

# Airflow's own releases are tested with the packages of their day, so its lock stops at that day.
LOCK = uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header --no-annotate
lock:
	$(LOCK) requirements/main.in -o requirements/main.txt
	$(LOCK) requirements/dev.in -o requirements/dev.txt
	$(LOCK) --exclude-newer 2026-09-20 requirements/airflow.in -o requirements/airflow.txt
	@.venv/bin/python -m walflow.install.jars
