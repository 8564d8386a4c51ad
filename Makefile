# Everything works from a fresh clone; each target first makes its environment.
#
#   make demo              a real three-member etcd cluster, measured; DURATION=30 stops by itself,
#                          FAULT=slow-disk shows a fault come and go, FAULT=list tells which there are
#   make test              the whole suite, on recorded pages and on real clusters
#   make test-versions     the check on etcd 3.4 and on two of 3.5, fetched from Debian
#   make test-kube         the check on a Kubernetes control plane, built from Debian (4 minutes, once)
#   make test-apiextensions
#                          the check on the API server of the newest Kubernetes, if Debian has it today
#   make test-oracle       the monitors' queries, evaluated by VictoriaMetrics as well (Debian), compared by the minute
#   make test-assets       what Datadog's own `ddev validate` says of the assets, where Python 3.13 is
#   make bench             the check side by side with its peers (6 minutes, on a quiet machine); bench/RESULTS.md
#   make check             lint and types
#   make assets            render metadata.csv from the catalogue, monitors and dashboards from assets/sources
#   make recordings        bring all faults about on real clusters, record them, and what monitors say (an hour)
#   make schemas           derive the schemas of monitors and dashboards from Datadog's API specification on PyPI
#   make wheel             the package that `agent integration install -w` takes, in dist/
#   make clean             remove what these made
#
# PYTHON names the interpreter for the environment (3.11 to 3.13), ETCD_BIN another etcd. What the tests
# beside `make test` need is kept in ETCD_LATENCY_CACHE, by default ~/.cache/etcd_latency; made without
# root, from the packages and sources of a Debian mirror: the one that apt uses here, or ETCD_LATENCY_DEBIAN_MIRROR.

PYTHON ?= python3
DURATION ?=
FAULT ?=
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check

.PHONY: demo test test-versions test-kube test-apiextensions test-oracle test-assets bench check
.PHONY: assets recordings schemas wheel env clean
.DEFAULT_GOAL := demo

demo: env
	@$(RUN) -m lab.demo $(if $(DURATION),--duration $(DURATION)) $(if $(FAULT),--fault $(FAULT))

test: env
	@$(RUN) -m pytest

test-versions: env
	@$(RUN) -m lab.fetch etcd
	@$(RUN) -m pytest tests/versions

test-kube: env
	@$(RUN) -m lab.fetch kubernetes
	@$(RUN) -m pytest tests/kube

test-apiextensions: env
	@$(RUN) -m lab.fetch apiextensions
	@$(RUN) -m pytest tests/apiextensions

test-oracle: env
	@$(RUN) -m lab.fetch victoria
	@$(RUN) -m pytest tests/victoria

test-assets: env
	@$(RUN) -m lab.datadog.validation

bench: env
	@$(RUN) -m bench

check: env
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy

assets: env
	@$(RUN) -m lab.assets

recordings: env
	@$(RUN) -m lab.fetch etcd kubernetes
	@$(RUN) -m lab.recordings.record all
	@$(RUN) -m lab.recordings.matrix --write

schemas: env
	@$(RUN) -m lab.datadog.schema

wheel: env
	@$(RUN) -m build --wheel --outdir dist .

env: $(VENV)/ready

$(VENV)/ready: setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "make: $(PYTHON) is not Python 3.11 to 3.13; name another, for example: make PYTHON=python3.13 $(MAKECMDGOALS)"; exit 1; }
	@echo "Preparing the environment in $(VENV) (a minute or two, once) ..."
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "make: $(PYTHON) cannot make environments; on Debian: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }
	@$(PIP) install --quiet --quiet --constraint constraints.txt --editable '.[standalone,lab,test,lint]'
	@touch $@

clean:
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
