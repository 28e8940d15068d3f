"""The sweep file, read and checked."""

import re
from pathlib import Path

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from sweep_corpora import read_compare, read_corpora
from sweep_plan import CORPUS, FLAGS, Cell, Sweep, find_cell, without_end

from speechbrain_cadino.utils.errors import UserError

TRAIN = Path(__file__).resolve().parents[1] / "recipes/VoxCeleb/SSL_CADINO/train.py"
SHARED = {"hparams": str, "seeds": list, "overrides": dict, "script": str}
SWEEP = {"cells": list, **SHARED, "baseline": str, "columns": list, "output": str}
SWEEP |= {"corpora": (list, dict), "corpus": dict, "compare": list}
CELL = {"name": str, **SHARED, "after": str}
OWN_OPTIONS = {"seed", "output_folder"}


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
    _check(content, SWEEP, "cells", f"The sweep file {path}")
    if output is None and "output" not in content:
        raise UserError(f"{path} names no output folder: add output to it or give --output.")
    # A relative folder starts where it was written: in the shell's folder or in the file's.
    output = (Path(output) if output is not None else path.parent / content["output"]).resolve()
    cells = []
    for entry in content["cells"]:
        cells.append(_cell(entry, content, cells, path))
    baseline = content.get("baseline")
    if baseline is not None:
        find_cell(baseline, cells, f"baseline of {path}")
    corpora = read_corpora(content, path)
    for text in [str(output), *(text for cell in cells for text in cell.overrides.values())]:
        if "=" in text:
            raise UserError(f"{path} has {text!r}, and SpeechBrain's options cannot hold a '=': choose another name.")
        if "{corpus}" in text and not corpora:
            raise UserError(f"{path} has {text!r} and no corpora: add them, or name a folder.")
    compare = read_compare(content, cells, path)
    return Sweep(output, cells, baseline, content.get("columns", []), corpora, compare)


def _cell(entry, content, earlier, path):
    where = f"The cell {entry.get('name')} of {path}" if isinstance(entry, dict) else f"A cell of {path}"
    _check(entry, CELL, "name", where)
    name, after = entry["name"], entry.get("after")
    if not re.fullmatch(r"\w[\w.+-]*", name) or name in [cell.name for cell in earlier]:
        raise UserError(f"{where} needs a name of its own that can name a folder: rename it.")
    hparams, seeds = (entry.get(key, content.get(key)) for key in ("hparams", "seeds"))
    if name == CORPUS and "corpora" in content:
        raise UserError(f"{where} has the name of the folder for the corpus: rename it.")
    script = (path.parent / entry.get("script", content.get("script", TRAIN))).resolve()
    if not script.is_file():
        raise UserError(f"The script {script} of {path} is missing: correct the path.")
    if hparams is None:
        raise UserError(f"{where} has no hparams: name a YAML file, there or for all cells.")
    if not seeds or not all(type(seed) is int for seed in seeds):
        raise UserError(f"{where} has no seeds: give a list of whole numbers, there or for all cells.")
    if after is not None:
        missing = set(seeds) - set(find_cell(after, earlier, f"after, in the cell {name} of {path}").seeds)
        if missing:
            raise UserError(f"{where} comes after {after}, which lacks the seeds {sorted(missing)}: add them there.")
    overrides = _merge(content.get("overrides", {}), entry.get("overrides", {}))
    if OWN_OPTIONS & set(overrides):
        raise UserError(f"{where} overrides {' or '.join(sorted(OWN_OPTIONS))}, which the sweep sets: leave it out.")
    overrides = {key: _text(value) for key, value in overrides.items()}
    for key in FLAGS & set(overrides):
        if overrides[key] not in ("true", "false"):
            raise UserError(f"{where} sets {key} to {overrides[key]}: it must be true or false.")
    return Cell(name, script, hparams, seeds, overrides, after)


def _load(path):
    try:
        return YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"The sweep file {path} cannot be read ({error.strerror}): check the path.") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"The sweep file {path} is not YAML ({' '.join(str(error).split())}): correct it.") from error


def _check(mapping, types, needed, where):
    if not isinstance(mapping, dict) or needed not in mapping:
        raise UserError(f"{where} must be a mapping with {needed}: see the example in benchmarks/README.md.")
    for key, value in mapping.items():
        if key not in types:
            raise UserError(f"{where} has {key}, which is none of {', '.join(types)}: correct it.")
        if not isinstance(value, types[key]):
            kind = {str: "text", list: "a list", dict: "a mapping", (list, dict): "a list or a mapping"}[types[key]]
            raise UserError(f"{where} has {key} {value!r}, which must be {kind}: correct it.")


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
    return without_end(yaml.safe_dump(value, default_flow_style=True, width=float("inf")))
