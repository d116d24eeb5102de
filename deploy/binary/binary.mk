# `make binary`: dist/keybrake, one file for a bare Debian 12. README.md beside this tells how it works.
#
# Packages are installed into a folder of their own, from the pins; the house itself comes from a fresh
# copy, through its own packaging, so that what pyproject.toml does not ship cannot slip in.

BINARY := dist/keybrake
MADE := build/binary
FIND_SHIPPED := find gateway ledger vendors bench -type f -not -name '*.pyc' \
  -not -path '*/node_modules/*' -not -path 'bench/results/*' -not -path 'bench/peers/*' -not -path 'bench/tools/*' \
  -not -path bench/unwritten.py -not -name '*.mk'

.PHONY: binary
binary: $(BINARY) ## dist/keybrake: one file, for a bare Debian 12

$(BINARY): $(shell $(FIND_SHIPPED)) $(wildcard deploy/binary/*) requirements.txt pyproject.toml $(VENV)/.run $(VENV)/.dev $(VENV)/.assets
	@eval "$$GET_LINKER"
	@echo "building $(BINARY) …" >&2
	@rm -rf $(MADE) && mkdir -p $(MADE)/source dist && touch $(MADE)/begun
	@cp --parents $$($(FIND_SHIPPED)) pyproject.toml README.md $(MADE)/source/
	@$(PINNED) requirements.txt --no-compile --target $(MADE)/site
	@rm -rf $(MADE)/site/setuptools* $(MADE)/site/_distutils_hack $(MADE)/site/*.pth
	@$(PIP) --no-deps --no-build-isolation --no-index --no-compile --upgrade --target $(MADE)/site $(MADE)/source
	@rm -rf $(MADE)/site/bin
	@echo "compiling what a call passes through; a minute or more …" >&2
	@$(BIN)/python -m deploy.binary.hot $(MADE)/source $(MADE)/site $(MADE)/hot >$(MADE)/hot.log || { cat $(MADE)/hot.log >&2; exit 3; }
	@$(BIN)/python deploy/binary/build.py $(MADE)/source $(MADE)/site $(MADE)/work $(BINARY)
	@touch -r $(MADE)/begun $(BINARY)

# Python as a static library, and what links it: installed where we may, asked for where we may not.
define GET_LINKER
library=$$($(BIN)/python -c 'import sysconfig as it; print("libpython" + it.get_python_version())')
static=$$($(BIN)/python -c 'import sysconfig as it; print(it.get_config_var("LIBPL"))')/$$library.a
there() { [ -e "$$static" ] && command -v gcc >/dev/null && command -v readelf >/dev/null; }
if ! there && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing gcc and $$library-dev …" >&2
  export DEBIAN_FRONTEND=noninteractive
  { apt-get -qq update && apt-get -qq install --no-install-recommends gcc libc6-dev "$$library-dev"; } </dev/null >&2
fi
if ! there; then
  echo "make binary needs Debian's Python as a library, and gcc: apt-get install gcc libc6-dev $$library-dev" >&2
  exit 3
fi
endef
export GET_LINKER
