"""What a run is going to do, told before it begins: hours, utterances, steps, numbers, disk."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from speechbrain_cadino.corpus.character import Character
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.training.budget import TELEPHONE_HERTZ
from speechbrain_cadino.training.remarks import about_refit
from speechbrain_cadino.training.verdict import RunFacts, unfit
from speechbrain_cadino.utils.errors import UserError

LARGE_HOURS = 100
NARROW = (0.9, 0.1)  # nearly all utterances of the telephone's band; or some of them
OTHER_FILES = 20_000_000  # bytes: log, plots, events, tables
EPOCH_FILES = 200_000  # bytes an epoch


def announce(experiment: Any, manifest: Manifest) -> None:
    """Print what the run will do, and warn of what cannot succeed; on the main rank alone.

    Arguments
    ---------
    experiment : Experiment
        As trained, its numbers filled in.
    manifest : Manifest

    Raises
    ------
    UserError
        If the disk has less room than the run takes.
    """
    hparams, heard, facts = experiment.hparams, experiment.hear(manifest), experiment.facts(manifest)
    batches = len(manifest) // hparams.batch_size
    print(
        f"The corpus: {manifest.durations.sum() / 3600:.2f} h, {len(manifest)} utterances of "
        f"{len(np.unique(manifest.wavs))} files, median {np.median(manifest.durations):.1f} s.\n"
        f"The run: {hparams.epoch_counter.limit} epochs of {batches} batches of {hparams.batch_size}, "
        f"{facts.steps} optimiser steps{_iterations(experiment.settings)}."
    )
    if experiment.auto:
        numbers = ", ".join(f"{name} {experiment.settings[name]}" for name in experiment.auto)
        print(f"By the corpus, each to be had otherwise by --NAME VALUE: {numbers}.")
    print(check_disk(experiment.settings, manifest))
    for hint in hints(facts, heard, experiment.settings, manifest):
        print(f"Mind: {hint}")


def run_facts(hparams: Any, manifest: Manifest, heard: Character) -> RunFacts:
    """The `RunFacts` of a run on a manifest, without clusters."""
    batches = len(manifest) // hparams.batch_size
    steps = batches // hparams.grad_accumulation_factor * hparams.epoch_counter.limit
    measured = min(len(manifest), hparams.retrieval_utterances)
    recordings = round(len(np.unique(manifest.wavs)) * heard.distinct)
    return RunFacts(len(manifest), recordings, steps, heard.speechlike, measured)


def hints(facts: RunFacts, heard: Character, settings: dict, manifest: Manifest) -> list[str]:
    """Sentences about what will not go well, a list."""
    told = [
        f"At its end nobody will be able to tell whether it learned: {reason}. Give {advice}."
        for reason, advice in unfit(facts)
    ]
    all_of, some_of = NARROW
    f_max = settings.get("f_max", 0)
    if f_max > TELEPHONE_HERTZ and heard.narrow >= some_of:
        part = "All" if heard.narrow >= all_of else "Some"
        told.append(
            f"{part} of the utterances ({heard.narrow:.0%} of those listened to) have nothing above 4 kHz, as "
            "telephone speech: --f_max 3800, from the beginning on, if such and others are to be compared."
        )
    if 0 < f_max <= TELEPHONE_HERTZ and heard.narrow < some_of:
        told.append(
            f"The utterances are no telephone speech, and the encoder will hear nothing of them above {f_max:g} Hz: "
            "leave f_max out, unless telephone speech is to be compared too."
        )
    told += about_refit(settings, len(manifest), "cluster_compensation")
    n_clusters = settings.get("n_clusters")
    if isinstance(n_clusters, int) and n_clusters >= len(manifest):
        told.append(f"{n_clusters} clusters of {len(manifest)} utterances leave each alone: set a smaller n_clusters.")
    if manifest.durations.sum() >= LARGE_HOURS * 3600 and "number_of_epochs" in settings and "hop_length" in settings:
        told.append("For 100 h and more there are dino.yaml, ca_dino.yaml and dlg_lc.yaml, with the published encoder.")
    return told


def check_disk(settings: dict, manifest: Manifest) -> str:
    """A sentence on the room that the run takes, or a `UserError` if the disk has less.

    What lies in the output folder already counts as taken.
    """
    folder, needed = Path(settings["output_folder"]), disk_needed(settings, manifest)
    there = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    free, still = shutil.disk_usage(place).free, max(0, needed - there)
    if still > free:
        raise UserError(
            f"The run needs {still / 1e9:.2f} GB on the disk of {folder} and {free / 1e9:.2f} GB are free: free some, "
            "set a smaller keep_checkpoints, or choose an output_folder elsewhere."
        )
    return f"On the disk of {folder}: about {still / 1e9:.2f} GB needed, {free / 1e9:.1f} GB free."


def disk_needed(settings: dict, manifest: Manifest) -> int:
    """Bytes of checkpoints, embeddings and other files of a run."""
    further = [part for entry in (settings.get("modalities") or {}).values() for part in entry.values()]
    modules = [*settings["modules"].values(), *(part for part in further if hasattr(part, "parameters"))]
    weights = sum(p.numel() for module in modules for p in module.parameters())
    # Student, teacher or predictor, and at most two values a weight of the optimiser; the newest is written before the
    # oldest is removed, beside one within an epoch.
    kept = min(settings["keep_checkpoints"], settings["epoch_counter"].limit)
    checkpoints = 4 * 4 * weights * (kept + 2)
    embeddings = 2 * 4 * len(manifest) * settings["embedding_dim"] if "clustering" in settings else 0
    others = OTHER_FILES + EPOCH_FILES * settings["epoch_counter"].limit
    parts = settings.get("n_iterations", 1) + (settings.get("large_margin") is not None)
    return parts * (checkpoints + embeddings + others)


def _iterations(settings):
    n_iterations = settings.get("n_iterations", 1)
    return f" in each of {n_iterations} iterations" if n_iterations > 1 else ""
