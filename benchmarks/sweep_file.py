"""The sweep file: its cells, the runs that they and their seeds make, and what each run is made of."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from speechbrain.utils.run_opts import RunOptions

from speechbrain_cadino.utils.errors import UserError

TRAIN = Path(__file__).resolve().parents[1] / "recipes/VoxCeleb/SSL_CADINO/train.py"
SWEEP_KEYS = {"hparams", "seeds", "overrides", "cells", "baseline", "columns", "script", "output"}
CELL_KEYS = {"name", "hparams", "seeds", "overrides", "after"}
OWN_OPTIONS = {"seed", "output_folder"}
FLAGS = {name for name, default in RunOptions().as_dict().items() if default is False}


@dataclass(frozen=True, eq=False)
class Cell:
    """A variant of the experiment; ``overrides`` are the options of train.py, name to text, as one would type them."""

    name: str
    hparams: str
    seeds: list
    overrides: dict
    after: str | None


@dataclass(frozen=True, eq=False)
class Run:
    """One cell with one seed, of the sweep in the folder ``output``."""

    cell: Cell
    seed: int
    script: Path
    output: Path

    @property
    def name(self):
        """Cell and seed."""
        return f"{self.cell.name}/{self.seed}"

    @property
    def folder(self):
        """Its output folder."""
        return self.output / self.name

    @property
    def before(self):
        """The name of the run that must be finished before this one starts, or None."""
        return self.cell.after and f"{self.cell.after}/{self.seed}"

    def arguments(self):
        """The command line of the script, from its name on."""
        options = []
        for name, text in self.cell.overrides.items():
            text = text.replace("{seed}", str(self.seed)).replace("{output}", str(self.output))
            if name not in FLAGS:
                options += [f"--{name}", text]
            elif text == "true":
                options.append(f"--{name}")
        own = ["--seed", str(self.seed), "--output_folder", str(self.folder)]
        return [self.script.name, self.cell.hparams, *options, *own]

    def settings(self):
        """All that the run depends on, but for code and data, as a flat dict of texts; comments do not count."""
        hparams = _yaml_texts(self.script.parent / self.cell.hparams)
        return {
            "script": self.script.name,
            "seed": str(self.seed),
            **{f"hparams.{name}": text for name, text in hparams.items()},
            **{f"overrides.{name}": text for name, text in self.cell.overrides.items()},
        }


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a sweep file says."""

    script: Path
    output: Path
    cells: list
    baseline: str | None
    columns: list

    def runs(self, only=None):
        """The runs of all cells, or of those that are named: seed by seed, so that pairs are complete early."""
        for name in only or []:
            _find(name, self.cells, "--only")
        seeds = dict.fromkeys(seed for cell in self.cells for seed in cell.seeds)
        return [
            Run(cell, seed, self.script, self.output)
            for seed in seeds
            for cell in self.cells
            if seed in cell.seeds and (not only or cell.name in only)
        ]


def read_sweep(path, output=None):
    """Read a sweep file; benchmarks/README.md says what it may hold.

    Arguments
    ---------
    path : str or Path
    output : str or Path, optional
        The folder of the runs, in place of the file's.

    Returns
    -------
    Sweep

    Raises
    ------
    UserError
        If the file is missing, not YAML, or not a sweep.
    """
    path = Path(path)
    content = _load(path)
    _check_keys(content, SWEEP_KEYS, {"cells"}, f"The sweep file {path}")
    if output is None and "output" not in content:
        raise UserError(f"{path} names no output folder: add output to it or give --output.")
    # A relative folder starts where it was written: in the shell's folder or in the file's.
    output = (Path(output) if output is not None else path.parent / content["output"]).resolve()
    cells = []
    for entry in content["cells"]:
        cells.append(_cell(entry, content, cells, path))
    baseline = content.get("baseline")
    if baseline is not None:
        _find(baseline, cells, f"baseline of {path}")
    script = (path.parent / content.get("script", TRAIN)).resolve()
    if not script.is_file():
        raise UserError(f"The script {script} of {path} is missing: correct the path.")
    for text in [str(output), *(text for cell in cells for text in cell.overrides.values())]:
        if "=" in text:
            raise UserError(f"{path} has {text!r}, and SpeechBrain's options cannot hold a '=': choose another name.")
    return Sweep(script, output, cells, baseline, content.get("columns", []))


def _cell(entry, content, earlier, path):
    where = f"The cell {entry.get('name')} of {path}" if isinstance(entry, dict) else f"A cell of {path}"
    _check_keys(entry, CELL_KEYS, {"name"}, where)
    name, after = str(entry["name"]), entry.get("after")
    if not re.fullmatch(r"\w[\w.+-]*", name) or name in [cell.name for cell in earlier]:
        raise UserError(f"{where} needs a name of its own that can name a folder: rename it.")
    hparams, seeds = (entry.get(key, content.get(key)) for key in ("hparams", "seeds"))
    if not isinstance(hparams, str):
        raise UserError(f"{where} has no hparams: name a YAML file, there or for all cells.")
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int for seed in seeds):
        raise UserError(f"{where} has no seeds: give a list of whole numbers, there or for all cells.")
    if after is not None:
        missing = set(seeds) - set(_find(after, earlier, f"after, in the cell {name} of {path}").seeds)
        if missing:
            raise UserError(f"{where} comes after {after}, which lacks the seeds {sorted(missing)}: add them there.")
    overrides = _merge(content.get("overrides") or {}, entry.get("overrides") or {})
    if OWN_OPTIONS & set(overrides):
        raise UserError(f"{where} overrides {' or '.join(sorted(OWN_OPTIONS))}, which the sweep sets: leave it out.")
    return Cell(name, hparams, seeds, {key: _text(value) for key, value in overrides.items()}, after)


def _load(path):
    try:
        return YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"The sweep file {path} cannot be read ({error.strerror}): check the path.") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"The sweep file {path} is not YAML ({' '.join(str(error).split())}): correct it.") from error


def _check_keys(mapping, known, needed, where):
    if not isinstance(mapping, dict) or not needed <= set(mapping) <= known:
        raise UserError(f"{where} must be a mapping with {' and '.join(needed)}, of {', '.join(sorted(known))}.")


def _find(name, cells, where):
    for cell in cells:
        if cell.name == name:
            return cell
    names = ", ".join(cell.name for cell in cells) or "none"
    raise UserError(f"There is no cell {name} ({where}): take one of {names}; a cell must come below what it is after.")


def _merge(shared, own):
    """The shared overrides and a cell's own, which count more; nested mappings likewise, as train.py has it."""
    merged = {**shared, **own}
    for key in shared.keys() & own.keys():
        if isinstance(shared[key], dict) and isinstance(own[key], dict):
            merged[key] = _merge(shared[key], own[key])
    return merged


def _text(value):
    """A value as one types it on a command line; text is taken as typed."""
    if isinstance(value, str):
        return value
    dumped = yaml.safe_dump(value, default_flow_style=True, width=float("inf"))
    return dumped.removesuffix("\n").removesuffix("\n...")


def _yaml_texts(path):
    """The settings of a HyperPyYAML file, name to text."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"The settings file {path} cannot be read ({error.strerror}): check the path.") from error
    except yaml.YAMLError as error:
        raise UserError(f"The settings {path} are not YAML ({' '.join(str(error).split())}): correct it.") from error
    return {key.value: yaml.serialize(value, width=float("inf")).strip() for key, value in node.value}
