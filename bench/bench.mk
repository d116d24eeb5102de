# `make bench`, its figures and its profile. What they need beyond the tests' environment (wrk, nginx, peers,
# matplotlib, py-spy) is set up on first use by gear.py, from pins of its own; README.md tells which.
#
#     make bench                                          some eight minutes
#     make bench ARGS=--full                              some 35
#     make figures RESULT=bench/results/20261123-120000.json

ARGS ?=
RESULT ?= $(shell ls -t bench/results/*.json 2>/dev/null | head -1)
BENCH_PINS := bench/peers/uvicorn bench/peers/litellm bench/tools/tools

MINUTES ?= 60

.PHONY: bench figures profile soak
bench: $(VENV)/.dev ## CPU and latency of a call next to nginx, aiohttp, uvicorn and LiteLLM (ARGS=--full for all of it)
	@$(BIN)/python -m bench $(ARGS)

figures: $(VENV)/.dev ## tables and figures of docs/performance.md from a result (RESULT=…, else the newest)
	@$(BIN)/python -m bench.plots $(RESULT)

profile: $(VENV)/.dev ## var/profile.svg: a flame graph of a gateway under load
	@$(BIN)/python -m bench.profile $(ARGS)

soak: $(VENV)/.dev ## an hour of mixed load and restarts on days that pass in minutes, and what the books say then (MINUTES=60)
	@$(BIN)/python -m bench.soak --minutes $(MINUTES) $(ARGS)
