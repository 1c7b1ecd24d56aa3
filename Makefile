# make run: everything, on this machine, against a simulated exchange. make test: all checks and tests. See README.md.

VENV   := .venv
PYTHON := $(VENV)/bin/python
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install run test test-long check lock clean bench bench-check chaos alarms fuzz picture smoke

help:
	@echo "make install   build $(VENV) from the pinned, hashed requirements"
	@echo "make run       start everything here; Ctrl-C stops it"
	@echo "make test      all checks, and all tests but those of test-long, chaos and alarms"
	@echo "make test-long what is not in make test: minutes of computing, clients of others, the picture, cases like others"
	@echo "make check     format, lint, types and the rules of the house"
	@echo "make chaos     every fault at full length, an hour and a half, or ROW=… SEED=…; results in docs/chaos"
	@echo "make alarms    every alert fired by its fault, a quarter of an hour, or FAULT=…; results in docs/chaos/ALERTS.md"
	@echo "make fuzz      mutated frames for ten minutes, or FRAMES=… SECONDS=… SEED=…"
	@echo "make bench     capacity, latency, CPU and memory beside a bare publisher and other clients; QUICK=1, SCENARIO=…, PROFILE=1; bench/README.md"
	@echo "make bench-check  each stage of the hot path against a reference of the same run"
	@echo "make picture   the control page's picture in the README, taken anew"
	@echo "make smoke     the first event of each endpoint of the live testnet; opt-in. BYBIT_ENVIRONMENT=… SECONDS=…"
	@echo "make lock      renew the pinned requirements"
	@echo "make clean     remove $(VENV), caches and the data of make run"

install: $(STAMP)

$(STAMP): requirements/runtime.txt requirements/dev.txt pyproject.toml
	@sh deploy/install.sh $(VENV)
	@touch $(STAMP)

run: install
	@exec $(VENV)/bin/ws-gateway up

check: install
	@echo "ruff check"; $(PYTHON) -m ruff check .
	@echo "ruff format"; $(PYTHON) -m ruff format --check .
	@echo "mypy --strict"; $(PYTHON) -m mypy
	@echo "the house's rules"; $(PYTHON) -m pytest -q tests/test_house.py

test: check
	$(PYTHON) -m tests

test-long: install
	$(PYTHON) -m pytest -v --tb=short -m long tests

picture: install
	CONTROL_PAGE_PICTURE=1 $(PYTHON) -m pytest -q tests/browser/test_reading_it.py

lock: install
	$(PYTHON) -m pip install --quiet pip-tools
	cd requirements && for part in runtime dev peers bench bench-plain bench-pybit bench-cryptofeed; do CUSTOM_COMPILE_COMMAND="make lock" ../$(VENV)/bin/pip-compile --quiet --upgrade \
	  --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --output-file $$part.txt $$part.in || exit 1; done

fuzz: install
	@exec $(PYTHON) -m tests.fuzz $(if $(FRAMES),--frames $(FRAMES)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

chaos: install
	CHAOS=long SEED=$(SEED) $(PYTHON) -m pytest -v -s --tb=short -m chaos \
	  "tests/chaos/test_rows.py$(if $(ROW),::test_nothing_is_lost_and_nothing_is_hidden[$(ROW)])"

alarms: install
	FAULT=$(FAULT) SEED=$(SEED) $(PYTHON) -m pytest -v -s --tb=short -m alarms tests/chaos/drill

smoke: install
	@exec $(PYTHON) -m cli.smoke $(if $(SECONDS),--seconds $(SECONDS))

bench: install
	@exec $(PYTHON) -m bench $(foreach name,$(SCENARIO),--scenario $(name)) $(if $(QUICK),--quick) $(if $(SECONDS),--seconds $(SECONDS)) \
	  $(if $(PROFILE),--profile) $(if $(LABEL),--label $(LABEL))

bench-check: install
	@exec $(PYTHON) -m bench.ratios

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
	find var -mindepth 1 ! -name .gitignore ! -path var/log -delete
