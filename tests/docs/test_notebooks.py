"""The notebooks: kept without outputs, and run as a reader would, each in under a minute on one core."""

import os
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

FOLDER = Path(__file__).parents[2] / "docs/notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
ONE_EACH = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
SECONDS = 60  # of a processor's time


def test_there_are_two():
    assert [path.stem for path in NOTEBOOKS] == ["embed_and_verify", "read_a_run"]


@ONE_EACH
def test_outputs_are_cleared(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert cell.cell_type == "markdown" or cell.outputs == [] and cell.execution_count is None


@ONE_EACH
def test_notebooks_run(path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(FOLDER.parents[1]), os.environ.get("PYTHONPATH", "")]))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    notebook = nbformat.read(path, as_version=4)
    before = os.times()
    nbclient.NotebookClient(notebook, timeout=1200, resources={"metadata": {"path": str(FOLDER)}}).execute()
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent < SECONDS, f"{spent:.0f} s"
    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert {"embed_and_verify": "trials, EER", "read_a_run": "Did it learn?"}[path.stem] in printed
