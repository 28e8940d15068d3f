# The commands of the README, demo, demo-av and test, and docs. Each makes its own environment first (VENV), so nothing needs to be installed.
VENV ?= .venv
PYTHON ?= python3
DEMO ?= demo_output
STAMP = $(VENV)/.installed

.PHONY: demo demo-av docs lint test install clean

install: $(STAMP)

$(STAMP): setup.py
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --editable '.[demo,docs,faces,test]'
	touch $(STAMP)

demo: $(STAMP)
	VENV_BIN=$(abspath $(VENV))/bin $(VENV)/bin/python recipes/VoxCeleb/SSL_CADINO/demo.py --output_folder $(DEMO)

# With faces; the stages of the voice are those of demo, if that has been run.
demo-av: $(STAMP)
	VENV_BIN=$(abspath $(VENV))/bin $(VENV)/bin/python recipes/VoxCeleb/SSL_CADINO/demo_av.py --output_folder $(DEMO)

# A process a core, each with one thread: sums are then the same bit for bit on every machine. A file of tests stays in one
# process, which makes what they share once.
test: $(STAMP)
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n auto --dist loadfile

# The pages as a site, in site/; whatever is wrong with a link or a docstring fails. It needs no network.
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --strict --quiet

lint: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

clean:
	rm -rf $(VENV) $(DEMO) site
