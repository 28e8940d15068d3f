"""The plan of a sweep: its cells, the runs that they, their seeds and corpora make, and what each run is made of."""

import json
from dataclasses import dataclass
from pathlib import Path

from speechbrain.utils.run_opts import RunOptions

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.merge import read_file
from speechbrain_cadino.utils.settings.tree import inline

MAKE_CORPUS = Path(__file__).resolve().with_name("make_corpus.py")
CORPUS = "corpus"  # the folder of a corpus' own run, beside those of the cells
FLAGS = {name for name, default in RunOptions().as_dict().items() if default is False}


@dataclass(frozen=True, eq=False)
class Cell:
    """A variant of the experiment; ``overrides`` are the options of train.py, name to text, as one would type them."""

    name: str
    script: Path
    hparams: str
    seeds: list
    overrides: dict
    after: str | None


@dataclass(frozen=True, eq=False)
class Corpus:
    """A demo corpus that the sweep makes; ``settings`` are those of `make_demo_corpus`."""

    name: str
    settings: dict

    def texts(self):
        """Its settings as a flat dict of texts, for the record of a run."""
        return {f"corpus.{name}": str(value) for name, value in self.settings.items()}


@dataclass(frozen=True, eq=False)
class CorpusRun:
    """The making of one corpus, of the sweep in the folder ``output``; everything on that corpus waits for it."""

    corpus: Corpus
    output: Path
    before, script = None, MAKE_CORPUS

    @property
    def name(self):
        """Of the corpus, and what it is."""
        return f"{self.corpus.name}/{CORPUS}"

    @property
    def folder(self):
        """Its output folder."""
        return self.output / self.name

    @property
    def audio(self):
        """The demo corpus, in it."""
        return self.folder / "demo"

    def arguments(self):
        """The command line of the script, from its name on."""
        return [self.script.name, str(self.audio), json.dumps(self.corpus.settings)]

    def settings(self):
        """All that it depends on, but for code."""
        return self.corpus.texts()


@dataclass(frozen=True, eq=False)
class Run:
    """One cell with one seed on one corpus, or on what the overrides name, of the sweep in the folder ``output``."""

    cell: Cell
    seed: int
    output: Path
    corpus: CorpusRun | None = None

    @property
    def script(self):
        """What is run."""
        return self.cell.script

    @property
    def name(self):
        """Cell and seed, after the corpus if there are several."""
        return f"{self._prefix}{self.cell.name}/{self.seed}"

    @property
    def _prefix(self):
        return f"{self.corpus.corpus.name}/" if self.corpus else ""

    @property
    def folder(self):
        """Its output folder."""
        return self.output / self.name

    @property
    def before(self):
        """The name of the run that must be finished before this one starts, or None."""
        if self.cell.after:
            return f"{self._prefix}{self.cell.after}/{self.seed}"
        return self.corpus and self.corpus.name

    def arguments(self):
        """The command line of the script, from its name on."""
        options = []
        for name, text in self.cell.overrides.items():
            text = text.replace("{seed}", str(self.seed)).replace("{output}", str(self.folder.parents[1]))
            if self.corpus:
                text = text.replace("{corpus}", str(self.corpus.audio))
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
            **(self.corpus.settings() if self.corpus else {}),
            **{f"hparams.{name}": text for name, text in hparams.items()},
            **{f"overrides.{name}": text for name, text in self.cell.overrides.items()},
        }


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a sweep file says."""

    output: Path
    cells: list
    baseline: str | None
    columns: list
    corpora: list  # of Corpus
    compare: list  # of pairs of names of cells

    def runs(self, only=None, seeds=None, corpora=None):
        """The runs of all cells, seeds and corpora, or of those that are named.

        Corpus by corpus and seed by seed, so that pairs are complete early; what is on a corpus comes after its making.
        """
        for name in only or []:
            find_cell(name, self.cells, "--only")
        known = dict.fromkeys(seed for cell in self.cells for seed in cell.seeds)
        _check_known(seeds, known, "seeds")
        _check_known(corpora, [corpus.name for corpus in self.corpora], "corpora")
        made = {corpus.name: CorpusRun(corpus, self.output) for corpus in self.corpora}
        runs = []
        for corpus in [made[name] for name in corpora or made] or [None]:
            runs += [corpus] if corpus else []
            for seed in seeds or known:
                chosen = [cell for cell in self.cells if seed in cell.seeds and (not only or cell.name in only)]
                runs += [Run(cell, seed, self.output, corpus) for cell in chosen]
        return runs

    def trainings(self):
        """All runs but those that make corpora."""
        return [run for run in self.runs() if isinstance(run, Run)]


def _check_known(wanted, known, what):
    unknown = sorted(set(wanted or []) - set(known))
    if unknown:
        raise UserError(f"The sweep has no {what} {unknown} (--{what}): take some of {sorted(known)}.")


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
