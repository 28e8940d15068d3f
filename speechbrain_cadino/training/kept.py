"""The encoder that a run leaves, measured without labels beside what it was before and what the run began with."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import torch

from speechbrain_cadino.encoder.load import load_encoder
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.training.half_retrieval import HalfRetrieval
from speechbrain_cadino.training.retrieval import clearly_under, paired_gain, ranks, retrieval
from speechbrain_cadino.utils.on_main import on_main

BLIND = (
    "half_rank does not see whether two recordings of one speaker are near each other: where there are trials, ask "
    "verify.py for the error rates of both"
)


class Kept(NamedTuple):
    """What is known of the encoder that is exported: numbers by name, and sentences about them."""

    metrics: dict
    sentences: list


def refitted(brain: Any, encoder: SpeakerEncoderNet, labels: torch.Tensor | None = None) -> SpeakerEncoderNet:
    """An encoder that is to be kept, its last layer refitted in place if ``last_layer_refit`` is set.

    The brain's ``is_refitted`` says whether that was done, ``ranks_without_refit`` and ``rates_without_refit``
    how the encoder was before. Every rank must call it.

    Arguments
    ---------
    brain : CadinoBrain
    encoder : SpeakerEncoderNet
    labels : torch.Tensor, optional
        (n,) int64, the class of each utterance, as in stage II: what differs within one is taken out too.

    Returns
    -------
    SpeakerEncoderNet
        The same.
    """
    refit = brain.hparams.last_layer_refit
    if refit is not None:
        before = on_main(_measured, brain, encoder)
        brain.is_refitted = refit.refit(encoder, brain.manifest, "last_layer_refit", labels)
        if brain.is_refitted:
            brain.ranks_without_refit, brain.rates_without_refit = before
    return encoder


def _measured(brain, encoder):
    """`ranks` of the halves, (n,), and error rates of the development list; None for what is not measured."""
    halves, development = brain.half_retrieval, brain.evaluate_development
    return None if halves is None else ranks(*halves.kept(encoder)), development and development(encoder)


def look_at_kept(
    encoder: SpeakerEncoderNet,
    halves: HalfRetrieval | None,
    last: dict[str, Any],
    without_refit: torch.Tensor | None = None,
    init: str | Path | None = None,
) -> Kept:
    """Measure the encoder that is exported, and compare it.

    Arguments
    ---------
    encoder : SpeakerEncoderNet
        Averaged, its last layer refitted if so set.
    halves : HalfRetrieval or None
        None: nothing is measured.
    last : dict
        The metrics of the last epoch.
    without_refit : torch.Tensor or None
        (n,) `ranks` of the same halves before the refit; None: there was none.
    init : str or Path or None
        The folder of the encoder that the run began with, to be compared.

    Returns
    -------
    Kept
    """
    if halves is None:
        return Kept({}, [])
    embedded = halves.kept(encoder)
    found = retrieval(*embedded)
    metrics = {f"exported_{name}": value for name, value in found.items()}
    trained = f"; of the last epoch {last['half_rank']:.3f}" if "half_rank" in last else ""
    sentences = [f"The encoder to keep has half_rank {found['half_rank']:.3f}{trained}."]
    now = ranks(*embedded)
    if without_refit is not None:
        metrics["half_rank_without_refit"] = before = without_refit.mean().item()
        if clearly_under(paired_gain(without_refit, now)):
            sentences.append(
                f"Without last_layer_refit it had half_rank {before:.3f}. That need not be better: the refit also "
                "takes out what halves of one recording share besides the voice. Trials tell: see development_trials."
            )
    if init is not None:
        was = ranks(*halves.kept(load_encoder(init, next(encoder.parameters()).device)[0]))
        low, high = paired_gain(was, now)
        metrics |= {"init_half_rank": was.mean().item(), "init_gain_low": low, "init_gain_high": high}
        sentences.append(
            f"That of --init ({init}) has half_rank {was.mean():.3f}: a gain of {low:.3f} to {high:.3f} (95 %)"
            + (f", so keep that one; but {BLIND}." if is_worse(metrics) else ".")
        )
    return Kept(metrics, sentences)


def advice(metrics: dict[str, Any], folder: str | Path, init: str | Path | None, name: str = "this run") -> str:
    """Which encoder to keep, that of --init or a new one, in one sentence that names its folder.

    Arguments
    ---------
    metrics : dict
        Of `Kept`; with ``EER %`` and ``init EER %``, a development list that contradicts is told.
    folder : str or Path
        Of the new encoder.
    init : str or Path or None
    name : str
        Of the run that made the new one.

    Returns
    -------
    str
    """
    if init is None:
        return f"keep the encoder of {name} ({folder}): there is no --init that it could be compared with"
    if "init_half_rank" not in metrics:
        return (
            f"nothing says whether the encoder of {name} ({folder}) or that of --init ({init}) is the better one: set "
            "retrieval_utterances to 500, in another output_folder"
        )
    new, old = metrics["exported_half_rank"], metrics["init_half_rank"]
    if is_worse(metrics):
        keep = f"keep the encoder of --init ({init}): half_rank {old:.3f}, after {name} {new:.3f}"
    else:
        keep = f"keep the encoder of {name} ({folder}): half_rank {new:.3f}, of --init {old:.3f}"
        keep += ", which is no clear difference" if new < old else ""
    return keep + _dissent(metrics)


def _dissent(metrics):
    """What the development list says, if it is the opposite; nothing is decided by it, since it has labels."""
    new, old = (metrics.get(name, math.nan) for name in ("EER %", "init EER %"))
    opposite = new < old if is_worse(metrics) else new > old
    return f"; the development list says the opposite: EER {new:.2f} %, of --init {old:.2f} %" if opposite else ""


def is_worse(metrics: dict[str, Any]) -> bool:
    """Whether the metrics of `Kept` are clearly under those of --init."""
    return "init_gain_high" in metrics and clearly_under((metrics["init_gain_low"], metrics["init_gain_high"]))
