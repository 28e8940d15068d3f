# The two commands of the README. Each makes its own environment first (VENV), so nothing needs to be installed.
VENV ?= .venv
PYTHON ?= python3
DEMO ?= demo_output
STAMP = $(VENV)/.installed

.PHONY: demo test install clean

install: $(STAMP)

$(STAMP): setup.py
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --editable '.[demo,test]'
	touch $(STAMP)

demo: $(STAMP)
	VENV_BIN=$(abspath $(VENV))/bin $(VENV)/bin/python recipes/VoxCeleb/SSL_CADINO/demo.py --output_folder $(DEMO)

test: $(STAMP)
	$(VENV)/bin/python -m pytest tests

clean:
	rm -rf $(VENV) $(DEMO)
