"""The fit of a `PLDA` on labels, which may be clusters, by SpeechBrain's EM (`speechbrain.processing.PLDA_LDA`)."""

from __future__ import annotations

import numpy as np
import torch
from scipy import linalg

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.memory import check_memory
from speechbrain_cadino.verification.plda import PLDA, matrix_of, of_one_length

N_ITER = 10  # of the EM, SpeechBrain's number: after 50 the covariances were the same within 1 % where classes are many
ROUNDING = 1e-6  # of the mean variance within, so that none is 0
NO_VARIANCE = 1e-9  # of the largest, below which a direction counts as empty: float32 leaves less


def fit_plda(
    embeddings: np.ndarray | torch.Tensor,
    labels: np.ndarray,
    n_iter: int = N_ITER,
    shrinkage: float = 0.0,
    max_classes: int = 5_000,
    seed: int = 0,
) -> PLDA:
    """Fit the two covariances on labelled embeddings.

    What is left out: utterances without a label, and classes of one utterance, which say nothing of what differs
    within a speaker. As many dimensions are kept, those of the largest variance, as there are utterances beyond the
    classes: more would have no variance within. Memory is 8 dim^2 bytes a class.

    Arguments
    ---------
    embeddings : np.ndarray or torch.Tensor
        (n, dim), not centered.
    labels : np.ndarray
        (n,) int64; negative ones are none.
    n_iter : int
        Steps of the EM.
    shrinkage : float
        Fraction of their mean that is added to the variances within speakers. Scores were best without, clusters in
        the axes with 0.1.
    max_classes : int
        Of more, so many are drawn by ``seed``.
    seed : int

    Returns
    -------
    PLDA

    Raises
    ------
    UserError
        If shapes don't fit, an embedding is not finite, or there are no two classes of two utterances, or these are
        all alike.
    """
    if not (n_iter >= 1 and shrinkage >= 0 and max_classes >= 2):
        raise UserError(
            f"PLDA has n_iter {n_iter}, shrinkage {shrinkage}, max_classes {max_classes}: set {N_ITER}, 0 and 5000."
        )
    embeddings, labels = matrix_of(embeddings), np.asarray(labels)
    if labels.shape != embeddings.shape[:1]:
        raise UserError(f"PLDA has {len(embeddings)} embeddings and {len(labels)} labels: give one for each.")
    rows, labels = _usable(labels, max_classes, seed)
    embeddings, n_classes = embeddings[rows], labels.max() + 1
    mean = embeddings.mean(axis=0)
    whitening = _whitening(embeddings - mean, len(embeddings) - n_classes)
    x = of_one_length((embeddings - mean) @ whitening)
    check_memory(8 * n_classes * x.shape[1] ** 2, f"fit PLDA on {n_classes} classes", "set max_classes lower")
    center, between, within = _expectation_maximisation(x, labels, n_iter)
    within += max(shrinkage, ROUNDING) * np.trace(within) / len(within) * np.eye(len(within))
    variances, axes = linalg.eigh(between, within)
    order = np.argsort(variances)[::-1]
    return PLDA(mean, whitening, center, axes[:, order], variances[order].clip(0))


def _usable(labels, max_classes, seed):
    """Rows of labels that come twice or more, and these from 0."""
    rows = np.flatnonzero(labels >= 0)
    found, numbers, counts = np.unique(labels[rows], return_inverse=True, return_counts=True)
    chosen = np.flatnonzero(counts >= 2)
    if len(chosen) < 2:
        raise UserError(
            f"PLDA has {len(found)} labels of {len(rows)} utterances, {len(chosen)} of them with two utterances or "
            "more: it needs two such, and better hundreds. Give other labels, or score by cosine."
        )
    if len(chosen) > max_classes:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, max_classes, replace=False))
    kept = np.isin(numbers, chosen)
    return rows[kept], np.searchsorted(chosen, numbers[kept])


def _whitening(x, most):
    """(dim, k): the directions with the largest variance, at most so many, and none that is empty."""
    variances, axes = linalg.eigh(x.T @ x / len(x))
    order = np.argsort(variances)[::-1][:most]
    order = order[variances[order] > NO_VARIANCE * variances[-1]]
    if not variances[-1] > 0:
        raise UserError("All embeddings that PLDA has are alike: the encoder tells nobody apart.")
    return axes[:, order] / np.sqrt(variances[order])


def _expectation_maximisation(x, labels, n_iter):
    """Mean, and the covariances between and within classes, by SpeechBrain."""
    from speechbrain.processing import PLDA_LDA

    class Statistics(PLDA_LDA.StatObject_SB):
        """Whose sums by class take one pass; SpeechBrain's take one for each class."""

        def sum_stat_per_model(self):
            classes, at, counts = np.unique(self.modelset, return_inverse=True, return_counts=True)
            starts = np.append(0, np.cumsum(counts)[:-1])
            sums = np.add.reduceat(self.stat1[np.argsort(at, kind="stable")], starts)
            nothing = np.full(len(classes), None)
            own = PLDA_LDA.StatObject_SB(classes, classes, nothing, nothing, counts[:, None].astype(np.float64), sums)
            return own, counts.astype(np.float64)

    nothing, numbers = np.full(len(x), None), np.arange(len(x))
    model = PLDA_LDA.PLDA(rank_f=x.shape[1], nb_iter=n_iter)
    with np.errstate(all="ignore"):  # what is no number is told below
        try:
            model.plda(Statistics(labels, numbers, nothing, nothing, np.ones((len(x), 1)), x))
        except (linalg.LinAlgError, ValueError) as error:
            raise UserError(_FAILED.format(reason=error)) from error
    if not (np.isfinite(model.F).all() and np.isfinite(model.Sigma).all()):
        raise UserError(_FAILED.format(reason="a covariance is no number"))
    return model.mean, model.F @ model.F.T, (model.Sigma + model.Sigma.T) / 2


_FAILED = (
    "PLDA could not be fitted ({reason}): the classes hold too little that differs. Give more, or score by cosine."
)
