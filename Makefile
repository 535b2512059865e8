# Two commands matter: `make demo` and `make test`. Both install what they need into .venv first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip install --python $(BIN)/python --constraint constraints.txt --compile-bytecode --quiet
FAULTS ?=
# Faults that need no Ray; the others wait most of the time, so both kinds run side by side.
LIGHT_FAULTS := $(addprefix tests/faults/test_,hostile_input.py ingress.py secrets.py snowflake.py)
SOURCES := airflow_provider_raydp_spcs dags tests

.PHONY: demo test test-live test-whole faults faults-cluster faults-light soak unit check format bench bench-demo bench-import bench-deferred bench-noop bench-statements bench-creation bench-log-export bench-exchange bench-nodes bench-results class-data bench-cold-session bench-executor-options bench-tables bench-warm constraints wheel clean

demo: $(VENV)/.installed-local  ## the whole way: local Snowflake, cluster, Spark job, logs, teardown
	$(BIN)/raydp-spcs demo

test: $(VENV)/.installed-dev $(VENV)/.installed-snow $(VENV)/.class-data  ## unit, integration and system tests; real parts included
	$(BIN)/pytest --ignore tests/system/live --ignore tests/faults

test-live: $(VENV)/.installed-dev $(VENV)/.class-data  ## the long ones: a real scheduler and triggerer, killed, backfilled, looked at in a browser
	$(BIN)/pytest tests/system/live

test-whole: $(VENV)/.installed-dev $(VENV)/.class-data  ## of `make test` those that share one whole cluster
	$(BIN)/pytest tests/system/whole

faults: $(VENV)/.installed-dev $(VENV)/.class-data  ## breaks everything on purpose; a table of what became of it, also in bench/
	$(if $(FAULTS),$(BIN)/pytest $(FAULTS),$(MAKE) --keep-going --jobs 2 --output-sync faults-cluster faults-light)

faults-cluster: $(VENV)/.installed-dev $(VENV)/.class-data  ## of these what happens to Airflow and to clusters
	FAULTS_TABLE=faults-cluster $(BIN)/pytest tests/faults $(addprefix --ignore ,$(LIGHT_FAULTS))

faults-light: $(VENV)/.installed-dev  ## of these what happens between clients and Snowflake, and hostile input
	FAULTS_TABLE=faults-light $(BIN)/pytest $(LIGHT_FAULTS)

soak: $(VENV)/.installed-dev $(VENV)/.class-data  ## two hundred DAG runs, four at once: none lost, no memory that grows
	$(BIN)/python -m tests.faults.soak

class-data: $(VENV)/.class-data  ## lets Spark's JVMs start in a third of the time; a minute, once

unit: $(VENV)/.installed-dev  ## the quick tests only
	$(BIN)/pytest tests/unit

check: $(VENV)/.installed-dev  ## formatting, lint, types
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

# Every benchmark of this file, one after another; one that misses its goal stops none of the others.
BENCHMARKS := $(filter-out bench-results,$(shell sed -n 's/^\(bench-[a-z-]*\):.*/\1/p' $(firstword $(MAKEFILE_LIST))))

bench: $(VENV)/.installed-dev  ## every figure, and one table of them in bench/
	-$(MAKE) --keep-going $(BENCHMARKS)
	$(MAKE) bench-results

bench-demo: $(VENV)/.installed-dev  ## seconds and memory of the demo
	$(BIN)/python -m tests.benchmarks.demo_figures

bench-cold-session: $(VENV)/.installed-dev $(VENV)/.class-data  ## a Spark session from nothing, beside raydp.init_spark
	$(BIN)/python -m tests.benchmarks.cold_session

bench-executor-options: $(VENV)/.installed-dev $(VENV)/.class-data  ## executors' compilers and collectors, in a short query and a long one
	$(BIN)/python -m tests.benchmarks.executor_options

bench-import: $(VENV)/.installed-dev  ## what the operators cost where a DAG is parsed
	$(BIN)/python -m tests.benchmarks.import_cost

bench-noop: $(VENV)/.installed-dev  ## a job that does nothing, beside Ray's REST API alone
	$(BIN)/python -m tests.benchmarks.noop_job

bench-statements: $(VENV)/.installed-dev  ## a statement on the local Snowflake, over bare fakesnow
	$(BIN)/python -m tests.benchmarks.statement_overhead

bench-tables: $(VENV)/.installed-dev  ## rows between Snowflake tables and Spark, beside ray.data.read_snowflake and write_pandas
	$(BIN)/python -m tests.benchmarks.tables

bench-deferred: $(VENV)/.installed-dev  ## a thousand deferred jobs in one triggerer
	$(BIN)/python -m tests.benchmarks.deferred_jobs

bench-creation: $(VENV)/.installed-dev  ## three services at once, beside each of them alone
	$(BIN)/python -m tests.benchmarks.creation

bench-log-export: $(VENV)/.installed-dev  ## a gigabyte of logs in two thousand files, beside one PUT after another
	$(BIN)/python -m tests.benchmarks.log_export

bench-exchange: $(VENV)/.installed-dev  ## rows between Ray and Spark, beside RayDP's own ways
	$(BIN)/python -m tests.benchmarks.exchange

bench-nodes: $(VENV)/.installed-dev  ## what a cluster costs by the number of its nodes
	$(BIN)/python -m tests.benchmarks.nodes

bench-results: $(VENV)/.installed-dev  ## one table, one JSON file and one plot of what the others wrote into bench/
	$(BIN)/python -m tests.benchmarks.results

bench-warm: $(VENV)/.installed-dev  ## a job with a warm session, beside one that starts stock RayDP
	$(BIN)/python -m tests.benchmarks.warm_session

wheel: $(VENV)/.installed-dev
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

constraints: $(VENV)/.installed-dev  ## write down the versions that are installed
	{ head -n 1 constraints.txt; $(BIN)/uv pip freeze --python $(BIN)/python --exclude-editable; } > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf $(VENV) dist .raydp-spcs .mypy_cache .ruff_cache .pytest_cache

$(BIN)/uv:
	@command -v $(PYTHON) >/dev/null || { echo "There is no '$(PYTHON)' here. Install Python 3.11 or newer, or run: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old: Python 3.11 or newer is needed. Run: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing (Debian, Ubuntu: apt-get install python3-venv)."; exit 1; }
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv

$(VENV)/.installed-local: pyproject.toml constraints.txt | $(BIN)/uv
	@echo "Installing the pinned packages into $(VENV) ..."
	$(UV) --editable '.[local]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/uv
	@echo "Installing the pinned packages into $(VENV) ..."
	$(UV) --editable '.[local,app,dev]'
	@touch $(VENV)/.installed-local $@

$(VENV)/.class-data: $(VENV)/.installed-local
	@echo "Laying out Spark's classes for its JVMs ..."
	@$(BIN)/python -m airflow_provider_raydp_spcs.node.class_data || true
	@touch $@

$(VENV)/.installed-snow: tests/clients/snowflake-cli.txt | $(BIN)/uv
	@echo "Installing Snowflake CLI, which some tests drive, into $(VENV)/snow ..."
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)/snow
	$(BIN)/uv pip install --python $(VENV)/snow/bin/python --no-deps --compile-bytecode --quiet --requirement $<
	@touch $@
