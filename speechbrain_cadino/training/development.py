"""The development list: checked before the corpus is read, scored by the main rank."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from speechbrain_cadino.corpus.manifest import Manifest, some_utterances
from speechbrain_cadino.corpus.trials import Trials, read_trials, utterance_paths
from speechbrain_cadino.encoder.extract import extract_embeddings
from speechbrain_cadino.encoder.load import load_encoder
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.utils.on_main import on_main
from speechbrain_cadino.utils.settings import Settings
from speechbrain_cadino.verification.evaluation import Evaluation, evaluate
from speechbrain_cadino.verification.report import metrics_row


class DevelopmentList:
    """Error rates of an encoder on one development trial list.

    Arguments
    ---------
    trials : str or Path
        The list.
    folder : str or Path
        What its names start from.
    manifest : Manifest
        The training utterances, whose mean embedding is subtracted.
    max_utterances : int
        So many of them, drawn once, are enough for a mean.

    Raises
    ------
    UserError
        If the list is missing or no good, or an utterance of it is absent: told now, not after the first epochs.
    """

    def __init__(self, trials: str | Path, folder: str | Path, manifest: Manifest, max_utterances: int = 2000) -> None:
        self.trials, self.folder = check_list(trials, folder), folder
        self.manifest, self._of_folders = some_utterances(manifest, max_utterances), {}

    def __call__(self, encoder: SpeakerEncoderNet) -> dict[str, float]:
        """A dict of "EER %" and both minDCFs."""
        return self.evaluation(encoder).metrics

    def of_folder(self, folder: str | Path, device: torch.device | str) -> dict[str, float]:
        """The same of the encoder in a folder, which is asked once however often it is compared with."""
        if folder not in self._of_folders:
            self._of_folders[folder] = self(load_encoder(folder, device)[0])
        return self._of_folders[folder]

    def evaluation(self, encoder: SpeakerEncoderNet) -> Evaluation:
        """The `Evaluation`, which has the scores too."""
        mean = extract_embeddings(encoder, self.manifest, progress=False)[0].mean(axis=0)
        return evaluate(encoder, [self.trials], self.folder, mean, progress=False)[0]


def check_list(trials: str | Path, folder: str | Path) -> Trials:
    """Read a trial list that is to be scored; a `UserError` if it is no good, or a file of it is absent.

    Arguments
    ---------
    trials, folder :
        As of `DevelopmentList`.

    Returns
    -------
    Trials
    """
    read = read_trials(trials)
    utterance_paths(read, folder)
    metrics_row(read.labels.astype(float), read.labels)  # both kinds of trial are there
    return read


def check_development(hparams: Settings) -> None:
    """Refuse a development list that cannot be scored, before the corpus is read; a missing data folder comes first.

    Arguments
    ---------
    hparams : Settings
    """
    if hparams.development_trials and os.path.isdir(hparams.data_folder):
        check_list(hparams.development_trials, hparams.development_folder)


def development_list(trials: str | Path, folder: str | Path, manifest: Manifest) -> DevelopmentList | None:
    """A `DevelopmentList` on the main rank, which alone scores it; None on the others. Every rank must call it.

    Arguments
    ---------
    trials, folder, manifest :
        As of `DevelopmentList`.

    Returns
    -------
    DevelopmentList or None
    """
    made = []
    on_main(lambda: made.append(DevelopmentList(trials, folder, manifest)))
    return made[0] if made else None
