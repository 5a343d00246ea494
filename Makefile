# Bootstraps .venv and hands over to invoke (tasks.py). `make help` lists the targets.
# Needs Python 3.10 or newer with pip, and nothing else.

VENV := .venv
INVOKE = $(VENV)/bin/python -m invoke
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && { echo $$p; break; }; done)

.PHONY: help start demo test check
.DEFAULT_GOAL := help

help:
	@echo "make start   run server (port 5005) and worker here; Ctrl-C ends both"
	@echo "make demo    run the main job against the running server, or one it starts itself"
	@echo "make test    run the whole test suite"
	@echo "make check   formatting, lint, types, architecture, documentation and tests"
	@echo
	@echo "Another port: PORT=5006 make start. More commands: $(INVOKE) --list"

start: $(VENV)/.installed-plugins
	@$(INVOKE) start

demo: $(VENV)/.installed-plugins
	@$(INVOKE) demo

test: $(VENV)/.installed-dev
	@$(INVOKE) test

check: $(VENV)/.installed-dev
	@$(INVOKE) check

# A stamp is newer than its requirements file when the installation is up to date.
$(VENV)/.installed-%: requirements-%.txt
	@test -n "$(PYTHON)" || { echo "Python 3.10 or newer is needed; none was found (PYTHON=/path/to/python make …)." >&2; exit 1; }
	@$(VENV)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing $< into $(VENV) (a few minutes the first time) …"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@$(VENV)/bin/python -c 'import os, sysconfig; open(os.path.join(sysconfig.get_path("purelib"), "qhana_plugin_runner.pth"), "w").write(os.getcwd() + "\n")'
	@touch $@
