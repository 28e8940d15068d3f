"""A YAML with the options of a command line: loaded, trained, and loaded anew where a run has several parts."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from speechbrain.utils.run_opts import RunOptions

from speechbrain_cadino.corpus.character import Character, listen_to
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.training.auto import MIDDLING, auto_settings, numbers_for
from speechbrain_cadino.training.clustered import ready_to_cluster
from speechbrain_cadino.training.development import DevelopmentList
from speechbrain_cadino.training.ending import finish
from speechbrain_cadino.training.fits import check_built
from speechbrain_cadino.training.for_report import OPTIONS
from speechbrain_cadino.training.half_retrieval import HalfRetrieval
from speechbrain_cadino.training.loader import make_train_loader
from speechbrain_cadino.training.plan import run_facts
from speechbrain_cadino.training.set_up import make_brain
from speechbrain_cadino.training.verdict import RunFacts
from speechbrain_cadino.utils.distributed import is_main
from speechbrain_cadino.utils.files import atomic_path, make_folder
from speechbrain_cadino.utils.on_main import on_main
from speechbrain_cadino.utils.settings.load import (
    Settings,
    build_settings,
    changed_settings,
    read_settings,
    resolved_settings,
)
from speechbrain_cadino.utils.settings.merge import PART, files_named
from speechbrain_cadino.utils.settings.tree import Node, write_tree
from speechbrain_cadino.views.dataset import ViewDataset
from speechbrain_cadino.views.paired import leading
from speechbrain_cadino.views.sampler import class_weights


class ExperimentSettings(NamedTuple):
    """A YAML with options, read and checked; nothing is built.

    Arguments
    ---------
    name : str
        What it is called in a `UserError`.
    tree : Node
        All settings, merged, with tags and references.
    auto : list of str
        The settings that follow the corpus. They have the numbers of some corpus in the tree, so that everything
        else is checked before the real one is read.
    given : dict, optional
        For people: ``file``, ``options``.
    """

    name: str
    tree: Node
    auto: list
    given: dict | None = None

    @classmethod
    def read(cls, hparams_file: str | Path, options: dict | str) -> ExperimentSettings:
        """Of a file and the options of a command line, as `load_settings` takes them."""
        tree = read_settings(hparams_file, options)
        auto = auto_settings(tree)
        tree = changed_settings(tree, numbers_for(tree, auto, MIDDLING)) if auto else tree
        name = files_named(hparams_file, options.get(PART) if isinstance(options, dict) else None)
        return cls(f"The settings {name}", tree, auto, {"file": str(hparams_file), "options": options})


class Experiment:
    """The settings of a run, its objects built, and its output folder made.

    Arguments
    ---------
    read : ExperimentSettings
    run_opts : speechbrain.utils.run_opts.RunOptions

    Attributes
    ----------
    auto : list of str
        The settings that follow the corpus; until `sized` they have the numbers of some corpus.
    tree : Node
        All settings, merged, with tags and references.
    settings : dict
        The YAML's top level.
    hparams : Settings
        The same, as attributes.

    Raises
    ------
    UserError
        As `load_settings`, or if the output folder cannot be made.
    """

    _heard, _facts = None, (None, None)  # what was found out about the corpus, and is not asked again

    def __init__(self, read: ExperimentSettings, run_opts: RunOptions) -> None:
        self.run_opts, self.auto, self._given = run_opts, read.auto, {**(read.given or {}), "auto": read.auto}
        self._build(read.tree, read.name)

    def _build(self, tree, name):
        resolved_settings(tree, name)
        self.tree, self._name = tree, name
        self.settings = build_settings(tree, name)
        check_built(self.settings)
        self.hparams = Settings(**self.settings)
        make_folder(self.hparams.output_folder)

    def changed(self, settings: dict) -> Experiment:
        """The same settings with more of them (a dict) replaced, all objects built anew and the seed set again."""
        other = copy.copy(self)
        other._facts = None, None
        other._build(changed_settings(self.tree, settings, source="a part of the run"), self._name)
        return other

    def numbers(self, manifest: Manifest) -> dict:
        """What the settings that are ``auto`` come to for this corpus, a dict."""
        return numbers_for(self.tree, self.auto, manifest.durations) if self.auto else {}

    def sized(self, manifest: Manifest) -> Experiment:
        """The same settings, with the numbers for this corpus in place of what is ``auto``."""
        return self.changed(self.numbers(manifest)) if self.auto else self

    def hear(self, manifest: Manifest) -> Character:
        """The `Character` of the corpus: of the manifest that this is first asked for."""
        if self._heard is None:
            self._heard = listen_to(manifest)
        return self._heard

    def facts(self, manifest: Manifest) -> RunFacts:
        """The `RunFacts` of a run on a manifest."""
        if self._facts[0] is not manifest:
            self._facts = manifest, run_facts(self.hparams, manifest, self.hear(manifest))
        return self._facts[1]

    def save_settings(self) -> None:
        """Write all settings into ``hyperparams.yaml`` of the output folder, below a line of what was given."""
        with atomic_path(Path(self.hparams.output_folder) / "hyperparams.yaml") as temporary:
            given = json.dumps(self._given, default=str)
            temporary.write_text(f"{OPTIONS}{given}\n{write_tree(self.tree)}", encoding="utf-8")

    def train(
        self,
        manifest: Manifest,
        development: DevelopmentList | None = None,
        init: str | None = None,
        make_dataset: Callable | None = None,
        **inputs: Any,
    ) -> dict[str, float]:
        """Train to the end, from the last checkpoint on; then the main rank exports the encoder and says how it is.

        Arguments
        ---------
        manifest : Manifest
            The training utterances.
        development : DevelopmentList, optional
        init : str, optional
            An encoder folder that the exported one is compared with.
        make_dataset : callable, optional
            From these settings, as attributes, and the manifest to what is trained on, in place of the utterances
            alone, which lead there too: a `PairedDataset`.
        **inputs :
            What else the Brain takes, such as the labels of `DLGLCBrain`.

        Returns
        -------
        dict of float
            The metrics of the last epoch; the error rates are those of the exported encoder.
        """
        hparams = self.hparams
        dataset = hparams.dataset(manifest) if make_dataset is None else make_dataset(hparams, manifest)
        voices, halves = leading(dataset), None
        if is_main() and hparams.retrieval_utterances and isinstance(voices, ViewDataset):
            halves = HalfRetrieval.of_dataset(voices, hparams.augmenter, hparams.retrieval_utterances)
        brain = make_brain(
            hparams.brain_class,
            modules=hparams.modules,
            opt_class=hparams.opt_class,
            hparams=self.settings,
            run_opts=self.run_opts,
            checkpointer=hparams.checkpointer,
            evaluate_development=development,
            half_retrieval=halves,
            **inputs,
        )
        labels, balance = inputs.get("labels"), self.settings.get("class_balance", 0)
        weights = class_weights(labels, balance) if labels is not None and balance else None
        loader = make_train_loader(dataset, hparams.batch_size, hparams.seed, weights, **hparams.loader_options)
        brain.fit_loader(loader)
        metrics = dict(brain.history.rows[-1])
        encoder = brain.encoder_to_export()  # of what all ranks have seen
        metrics |= brain.keep_further()
        if encoder is None:
            return metrics
        drawn = hparams.augment, hparams.augmenter, not brain.is_refitted, hparams.seed
        clustered = ready_to_cluster(encoder, manifest, *drawn)
        rest = manifest, development, init, clustered
        return {**metrics, **on_main(lambda: finish(brain, encoder, self.facts(manifest), *rest))}
