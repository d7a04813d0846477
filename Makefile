# Halftone's front door. `make` alone prints what there is.

PYTHON ?= python3
BOARD ?=
CONFIG ?=
MODEL ?=
CLASS ?=
SEED ?=
STEPS ?=
SAMPLER ?=
IMAGES ?=
N ?=
TOKENS ?=
CHANNELS ?=
OUTPUTS ?=
ZEROS ?=
BOARD ?=
CLOCK ?=
TRIALS ?=
WORKERS ?=
WRITE ?=
TESTS ?=
TIMELINE ?=
TARGET ?=
SECONDS ?=
JOBS ?= 2
WAVES_FROM ?=
WAVES_CYCLES ?=
# PyTorch's CPU build carries a local version, so this requirement can never pull the GPU packages (several GB).
# Where there is only one build (macOS), its version has no suffix.
TORCH ?= $(if $(filter Darwin,$(shell uname -s)),torch==2.13.0,torch==2.13.0+cpu)
TORCH_INDEX ?=

venv := .venv
python := $(venv)/bin/python
stamp := $(venv)/halftone.stamp
tools := $(venv)/boards.stamp
docs_stamp := $(venv)/docs.stamp
explore_stamp := $(venv)/explore.stamp
fuzz_stamp := $(venv)/fuzz.stamp
pip := $(python) -m pip --quiet --quiet --disable-pip-version-check

# $(call quote,text): one shell word, whatever is in it.
quote = '$(subst ','\'',$(1))'
# $(call chosen): the options of a target that takes a board or a configuration.
chosen = $(if $(BOARD),--board $(call quote,$(BOARD)) $(call option,--config,$(if $(CONFIG),configs/$(CONFIG).toml)),\
	--config $(call quote,configs/$(CONFIG).toml))

# $(call option,--name,value): nothing when the value is empty.
option = $(if $(2),$(1) $(call quote,$(2)))

.DEFAULT_GOAL := help
.PHONY: help setup sim test formal lint verilog bitstream report baseline netlist train quality bench gemm fuzz faults explore docs clean fuzz-host coverage mutation

help: ## Print this list
	@echo "Halftone: 4-bit diffusion transformers on open FPGAs"
	@echo
	@awk -F ' *## *' '/^[a-z-]+:.*## / { split($$1, name, ":"); printf "  make %-9s %s\n", name[1], $$2 }' Makefile
	@echo
	@echo "A variable follows the target: make sim CLASS=3 SEED=1 WAVES=1"

setup: $(stamp) ## Create .venv from pyproject.toml (PYTHON=, TORCH=requirement, TORCH_INDEX=address)
	@echo "$(venv) is ready"

sim: $(stamp) ## Draw one image through the RTL and check it (MODEL=, CLASS=, SEED=, STEPS=, SAMPLER=, CONFIG=, TIMELINE=1, WAVES=1)
	@$(python) -m sim.draw $(call option,--model,$(MODEL)) $(call option,--label,$(CLASS)) \
		$(call option,--seed,$(SEED)) $(call option,--steps,$(STEPS)) $(call option,--sampler,$(SAMPLER)) \
		$(call option,--config,$(if $(CONFIG),configs/$(CONFIG).toml)) $(if $(TIMELINE),--timeline) \
		$(call option,--waves-from,$(WAVES_FROM)) $(call option,--waves-cycles,$(WAVES_CYCLES))

test: $(tools) $(explore_stamp) ## Run the whole regression (TESTS=pytest arguments, JOBS=processes, SEED=, WAVES=1)
	@$(if $(SEED),HALFTONE_SEED=$(call quote,$(SEED))) $(python) -m pytest -n $(JOBS) --dist loadfile $(TESTS)

formal: $(stamp) ## Prove what is claimed of the hardware, and refute planted bugs
	@$(python) -m tests.formal

lint: $(stamp) ## Check the style of every Python file
	@$(python) -m ruff check --quiet .

verilog: $(stamp) ## Write Verilog of a board, or of the bare core (BOARD=, CONFIG=name of a file in configs/)
	@test -n $(call quote,$(BOARD)$(CONFIG)) || { \
		echo "make verilog needs BOARD=, one of: $$($(python) -m boards.catalogue | tr '\n' ' ')" >&2; \
		echo "or CONFIG=, one of: $$(cd configs && ls *.toml | sed 's/\.toml$$//' | tr '\n' ' ')" >&2; exit 2; }
	@$(python) -m $(if $(BOARD),boards,rtl).verilog $(call chosen) \
		$(if $(BOARD),,--output $(call quote,build/verilog/$(CONFIG)))

bitstream: $(tools) ## Build a board's bitstream, with place and route; up to hours (BOARD=, CONFIG=)
	@test -n $(call quote,$(BOARD)) || { \
		echo "make bitstream needs BOARD=, one of: $$($(python) -m boards.catalogue | tr '\n' ' ')" >&2; exit 2; }
	@$(python) -m boards.bitstream $(call chosen)

report: $(if $(BOARD),$(tools),$(stamp)) ## Cells of a board's bitstream and its clock, or of the bare core on ECP5 (BOARD=, CONFIG=); long
	@test -n $(call quote,$(BOARD)$(CONFIG)) || { \
		echo "make report needs BOARD=, one of: $$($(python) -m boards.catalogue | tr '\n' ' ')" >&2; \
		echo "or CONFIG=, one of: $$(cd configs && ls *.toml | sed 's/\.toml$$//' | tr '\n' ' ')" >&2; exit 2; }
	@$(python) -m boards.report $(call chosen)

baseline: $(stamp) ## Find by synthesis how large a dense 16-bit array in our array's budget is; minutes (CONFIG=)
	@test -n $(call quote,$(CONFIG)) || { \
		echo "make baseline needs CONFIG=, one of: $$(cd configs && ls *.toml | sed 's/\.toml$$//' | tr '\n' ' ')" >&2; exit 2; }
	@$(python) -m boards.baseline --config $(call quote,configs/$(CONFIG).toml) \
		--output $(call quote,boards/baselines/$(CONFIG).json)

netlist: $(stamp) ## Synthesise a core and draw with its cells; many minutes (CONFIG=smallest, N=models, SEED=)
	@$(python) -m sim.netlist $(call option,--count,$(N)) $(call option,--seed,$(SEED)) \
		$(call option,--config,$(if $(CONFIG),configs/$(CONFIG).toml))

train: $(stamp) ## Train a model, then fine-tune it to 4 bits (MODEL=)
	@test -n $(call quote,$(MODEL)) || { echo "make train needs MODEL=, the name of a model" >&2; exit 2; }
	@$(python) -m golden.model.train --model $(call quote,$(MODEL))
	@$(python) -m golden.quantise.finetune --model $(call quote,$(MODEL))

quality: $(stamp) ## Draw thousands of images, float and 4-bit, and judge them; long (MODEL=, IMAGES=)
	@$(python) -m golden.quality $(call option,--model,$(MODEL)) $(call option,--images,$(IMAGES))

bench: $(stamp) ## Measure speed and utilisation
	@$(python) -m sim.bench

gemm: $(stamp) ## Run one matrix product through the RTL (TOKENS=, CHANNELS=, OUTPUTS=, ZEROS=share, SEED=, CONFIG=)
	@$(python) -m sim.gemm $(call option,--tokens,$(TOKENS)) $(call option,--channels,$(CHANNELS)) \
		$(call option,--outputs,$(OUTPUTS)) $(call option,--zeros,$(ZEROS)) $(call option,--seed,$(SEED)) \
		$(call option,--config,$(if $(CONFIG),configs/$(CONFIG).toml))

fuzz: $(stamp) ## Draw with random models on random hardware, or on one, and compare (N=models, SEED=, CONFIG=)
	@$(python) -m sim.fuzz $(call option,--count,$(N)) $(call option,--seed,$(SEED)) \
		$(call option,--config,$(if $(CONFIG),configs/$(CONFIG).toml))

faults: $(stamp) ## Inject faults into a running core: stored bits, image, frames, reset, host (N=injections, SEED=)
	@$(python) -m sim.faults $(call option,--count,$(N)) $(call option,--seed,$(SEED))

fuzz-host: $(fuzz_stamp) ## Fuzz what the host reads from others, guided by coverage (TARGET=, SECONDS=each target, SEED=)
	@$(python) -m tests.fuzz $(TARGET) $(call option,--seconds,$(SECONDS)) $(call option,--seed,$(SEED))

coverage: $(tools) ## Run the benches with lines, branches, toggles and bins counted; an hour (TESTS=, JOBS=, SEED=)
	@$(if $(SEED),HALFTONE_SEED=$(call quote,$(SEED))) $(python) -m sim.coverage --jobs $(JOBS) $(TESTS)

mutation: $(stamp) ## Inject faults into every unit and count what the benches find; long (N=mutants of a unit, SEED=)
	@$(python) -m sim.mutation $(call option,--count,$(N)) $(call option,--seed,$(SEED)) \
		--output build/mutation/figures.json

explore: $(explore_stamp) ## Search configurations for a model and device (MODEL=, BOARD=, CLOCK=MHz, TRIALS=, SEED=, WORKERS=, WRITE=N)
	@$(python) -m boards.explore $(call option,--model,$(MODEL)) $(call option,--board,$(BOARD)) \
		$(call option,--clock,$(CLOCK)) $(call option,--trials,$(TRIALS)) $(call option,--seed,$(SEED)) \
		$(call option,--workers,$(WORKERS)) $(call option,--write,$(WRITE))

docs: $(docs_stamp) ## Build the documents as a site, links checked: build/site/index.html
	@$(python) -m rtl.document --output build/units
	@NO_MKDOCS_2_WARNING=1 $(python) -m mkdocs build --strict --config-file docs/site/mkdocs.yml
	@echo "build/site/index.html"

clean: ## Delete build/ and caches; .venv stays
	@rm -rf build .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './$(venv)/*' -prune -exec rm -rf {} +

$(stamp): pyproject.toml
	@command -v $(call quote,$(PYTHON)) > /dev/null && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Halftone needs Python 3.11 or newer: make setup PYTHON=python3.11" >&2; exit 1; }
	@echo "Setting up $(venv) (once; a few minutes)"
	@test -x $(python) || $(PYTHON) -m venv $(venv)
	@$(pip) show torch > /dev/null 2>&1 || $(pip) install $(call quote,$(TORCH)) \
		$(call option,--extra-index-url,$(TORCH_INDEX)) || { \
		echo "pip did not find $(TORCH): run make setup TORCH_INDEX=address, with the CPU index named on" \
			"PyTorch's installation page, or make setup TORCH=torch to accept the build that your pip finds." >&2; exit 1; }
	@# The installed torch becomes a constraint, so that no other build can replace it unasked.
	@$(python) -m pip --disable-pip-version-check list --format=freeze | grep '^torch==' > $(venv)/torch.txt
	@$(pip) install --constraint $(venv)/torch.txt --editable .
	@touch $(stamp)

$(tools): $(stamp)
	@echo "Installing place and route (once; about 130 MB)"
	@$(pip) install --constraint $(venv)/torch.txt --editable '.[boards]'
	@touch $(tools)

$(docs_stamp): $(stamp)
	@echo "Adding what the site needs to $(venv) (once)"
	@$(pip) install --constraint $(venv)/torch.txt --editable '.[docs]'
	@touch $(docs_stamp)

# Where there is no wheel of atheris this adds nothing, and the fuzzer says so and goes on with hypothesis.
$(fuzz_stamp): $(stamp)
	@echo "Adding a fuzzer guided by coverage to $(venv) (once)"
	@$(pip) install --constraint $(venv)/torch.txt --only-binary atheris --editable '.[fuzz]'
	@touch $(fuzz_stamp)

$(explore_stamp): $(stamp)
	@echo "Adding what the search needs to $(venv) (once)"
	@$(pip) install --constraint $(venv)/torch.txt --editable '.[explore]'
	@touch $(explore_stamp)
