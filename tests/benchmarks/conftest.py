"""The benchmarks are scripts: their folder is put on the path, as it is when one of them is run."""

import multiprocessing.dummy
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))


@pytest.fixture()
def threads_for_processes(monkeypatch):
    """Threads in place of the benchmark's processes, which take seconds to start."""
    monkeypatch.setattr(multiprocessing, "get_context", lambda method: multiprocessing.dummy)
