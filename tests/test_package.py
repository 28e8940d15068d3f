"""The package as an importer sees it: every part from its room, nothing heavy before, one version."""

import ast
import importlib
import os
import pickle
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import speechbrain_cadino
from speechbrain_cadino.utils import lazy

ROOT = Path(__file__).parents[1]
ROOMS = [room.name for room in pkgutil.walk_packages(speechbrain_cadino.__path__, "speechbrain_cadino.") if room.ispkg]
PACKAGES = ["speechbrain_cadino", *ROOMS]
HEAVY = ("torch", "speechbrain", "sklearn", "scipy", "matplotlib", "numpy", "soundfile", "hyperpyyaml", "psutil")
HEAVY += ("PIL", "torchvision")


def run(code):
    """What a new interpreter prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_there_are_as_many_rooms_as_folders():
    folders = {path.parent.name for path in (ROOT / "speechbrain_cadino").glob("*/__init__.py")}
    assert {room.split(".")[1] for room in ROOMS} == folders and len(folders) > 8


# As CONTRIBUTING.md has them; a room imports only from rooms above it.
ORDER = [
    "utils",
    "corpus",
    "augmentation",
    "encoder",
    "faces",
    "verification",
    "publish",
    "clusters",
    "views",
    "training",
    "dino",
    "dlg_lc",
    "report",
    "doctor",
    "demo",
    "commands",
]


def imported(path):
    """The package's modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name in ORDER)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("room", ORDER)
def test_a_room_imports_only_from_rooms_above_it(room):
    assert sorted(ORDER) == sorted(name.split(".")[1] for name in ROOMS if name.count(".") == 1)
    allowed = {"", *ORDER[: ORDER.index(room) + 1]}  # "": the package itself, for its version
    for path in (ROOT / "speechbrain_cadino" / room).rglob("*.py"):
        for name in imported(path):
            if name.partition(".")[0] == "speechbrain_cadino":
                assert f"{name}.".split(".")[1] in allowed, f"{path} imports {name}"


def test_importing_all_rooms_imports_nothing_heavy():
    code = f"import sys, {', '.join(PACKAGES)}; print([name for name in {HEAVY} if name in sys.modules])"
    assert run(code) == "[]"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_is_what_its_module_defines(package):
    room = importlib.import_module(package)
    assert room.__all__ == sorted(set(room.__all__)) and set(room.__all__) <= set(dir(room))
    for name in room.__all__:
        value = getattr(room, name)
        if hasattr(value, "__qualname__"):  # a class or a function, not a constant or a room
            assert value.__qualname__ == name and value.__module__.startswith(package)
            assert getattr(importlib.import_module(value.__module__), name) is value
            assert pickle.loads(pickle.dumps(value)) is value


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_is_no_modules(package):
    """An import of a module puts it in its package, in place of what had its name."""
    room = importlib.import_module(package)
    modules = {module.name for module in pkgutil.iter_modules(room.__path__) if not module.ispkg}
    assert not modules & set(room.__all__)


@pytest.mark.parametrize("package", PACKAGES)
def test_all_can_be_imported_at_once(package):
    names = {}
    exec(f"from {package} import *", names)
    assert set(importlib.import_module(package).__all__) <= set(names)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="module 'speechbrain_cadino.dino' has no attribute 'DINOLos'"):
        importlib.import_module("speechbrain_cadino.dino").DINOLos  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'DINOLos'"):
        exec("from speechbrain_cadino.dino import DINOLos")


def test_a_room_from_the_package_alone():
    assert (
        run("import speechbrain_cadino as s; print(s.clusters.KMeans.__module__)")
        == "speechbrain_cadino.clusters.kmeans"
    )


def test_other_imports_for_type_checking_are_refused():
    with pytest.raises(TypeError, match="not: import torch"):
        lazy._imports_for_type_checking("if TYPE_CHECKING:\n    import torch\n")


def test_one_version():
    found = subprocess.run([sys.executable, "setup.py", "--version"], cwd=ROOT, capture_output=True, text=True)
    assert found.stdout.split()[-1] == speechbrain_cadino.__version__
    texts = [path.read_text(encoding="utf-8") for path in [ROOT / "setup.py", ROOT / "pyproject.toml"]]
    assert not any(speechbrain_cadino.__version__ in text for text in texts)


README = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Parts\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("row", re.findall(r"^\| `([\w.]+)` \| (.*) \|$", README, re.MULTILINE), ids=lambda row: row[0])
def test_the_readmes_table_of_parts(row):
    room = importlib.import_module(row[0] if row[0][0] != "." else f"speechbrain_cadino{row[0]}")
    names = re.findall(r"`(\w+)`", row[1])
    assert names and set(names) <= set(room.__all__)


def test_the_readmes_example_runs():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {}
    exec(code, names)
    assert names["value"].requires_grad and names["value"].isfinite()


def test_every_room_is_in_the_readme():
    assert {room.split(".", 1)[1] for room in ROOMS if room.count(".") == 1} == set(re.findall(r"\| `\.(\w+)`", README))
