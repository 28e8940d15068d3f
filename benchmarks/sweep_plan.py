"""The plan of a sweep: its cells, the runs that they and their seeds make, and what each run is made of."""

from dataclasses import dataclass
from pathlib import Path

from speechbrain.utils.run_opts import RunOptions

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.merge import read_file
from speechbrain_cadino.utils.settings.tree import inline

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

    def runs(self, only=None, seeds=None):
        """The runs of all cells and seeds, or of those that are named: by seeds, so that pairs are complete early."""
        for name in only or []:
            find_cell(name, self.cells, "--only")
        known = dict.fromkeys(seed for cell in self.cells for seed in cell.seeds)
        unknown = set(seeds or []) - set(known)
        if unknown:
            raise UserError(f"The sweep has no seeds {sorted(unknown)} (--seeds): take some of {sorted(known)}.")
        return [
            Run(cell, seed, self.script, self.output)
            for seed in seeds or known
            for cell in self.cells
            if seed in cell.seeds and (not only or cell.name in only)
        ]


def find_cell(name, cells, where):
    """The cell of a name, which ``where`` has; a `UserError` if there is none."""
    for cell in cells:
        if cell.name == name:
            return cell
    names = ", ".join(cell.name for cell in cells) or "none"
    raise UserError(f"There is no cell {name} ({where}): take one of {names}; a cell must come below what it is after.")


def _yaml_texts(path):
    """The settings of a HyperPyYAML file with its bases, name to text."""
    return {name: inline(node) for name, node in read_file(path).items.items()}


def without_end(text):
    """YAML without the mark that PyYAML puts after a bare scalar."""
    return text.removesuffix("\n").removesuffix("\n...")
