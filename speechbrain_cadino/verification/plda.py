"""Probabilistic linear discriminant analysis (PLDA): log-likelihood ratios of "one speaker" in place of cosines.

Two covariances describe embeddings: of speakers about the mean, and of a speaker's utterances about the speaker. They
are fitted on labels, which may be clusters, by SpeechBrain's EM (`speechbrain.processing.PLDA_LDA`), on embeddings that
are whitened and scaled to one length (Garcia-Romero & Espy-Wilson, Interspeech 2011). In the axes where the one
covariance is 1 and the other diagonal, a score is a sum over dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.arrays import to_numpy


@dataclass(frozen=True)
class PLDA:
    """Scores pairs of embeddings, of one or several utterances a side; `fit_plda` makes it.

    Arguments
    ---------
    mean : np.ndarray
        (dim,) float64, of the training embeddings.
    whitening : np.ndarray
        (dim, k): the directions that are kept, scaled to variance 1.
    center : np.ndarray
        (k,): the mean after whitening and scaling to length sqrt(k).
    axes : np.ndarray
        (k, k): to where the covariance within speakers is 1.
    between : np.ndarray
        (k,): the variances of the speakers there, the largest first.

    Example
    -------
    >>> from speechbrain_cadino.verification.plda_fit import fit_plda
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat(np.arange(60), 5)
    >>> plda = fit_plda(rng.normal(size=(60, 4))[labels] + 0.3 * rng.normal(size=(300, 4)), labels)
    >>> x = plda.latent(np.array([[2.0, 0, 0, 0], [1.8, 0.1, 0, 0], [-2.0, 0, 0, 0]]))
    >>> near, far = plda.score(x[[0, 0]], x[[1, 2]])
    >>> bool(near > 0 > far)
    True
    """

    mean: np.ndarray
    whitening: np.ndarray
    center: np.ndarray
    axes: np.ndarray
    between: np.ndarray

    def latent(self, embeddings: np.ndarray | torch.Tensor, kind: str = "embeddings") -> np.ndarray:
        """Embeddings in the axes of the scores. Those of one speaker's utterances may be averaged here.

        Arguments
        ---------
        embeddings : np.ndarray or torch.Tensor
            (n, dim), as of the encoder that the training embeddings are of.
        kind : str
            What they are, for messages.

        Returns
        -------
        np.ndarray
            (n, k) float64. One at the training mean stays at 0.
        """
        embeddings = matrix_of(embeddings, kind)
        if embeddings.shape[1] != len(self.mean):
            raise UserError(
                f"The PLDA is of {len(self.mean)} dimensions and the {kind} have {embeddings.shape[1]}: fit it on "
                "embeddings of the same encoder."
            )
        return (of_one_length((embeddings - self.mean) @ self.whitening) - self.center) @ self.axes

    def score(
        self,
        enrol: np.ndarray,
        test: np.ndarray,
        n_enrol: int | np.ndarray = 1,
        n_test: int | np.ndarray = 1,
    ) -> np.ndarray:
        """Log-likelihood ratios of pairs: one speaker against two.

        Of several utterances a side the mean says all that they do in this model: the ratio is that of all of them.

        Arguments
        ---------
        enrol, test : np.ndarray
            (n, k): `latent` of an utterance, or the mean of those of several.
        n_enrol, n_test : int or np.ndarray
            (n,), of how many utterances.

        Returns
        -------
        np.ndarray
            (n,) float32.
        """
        cross, own_enrol, own_test, constant = self._terms(*(np.asarray(n)[..., None] for n in (n_enrol, n_test)))
        found = enrol * test * cross + enrol**2 * own_enrol + test**2 * own_test + constant
        return found.sum(axis=-1).astype(np.float32)

    def score_all(self, enrol: np.ndarray, test: np.ndarray, n_enrol: int = 1) -> np.ndarray:
        """`score` of each of one side with each of the other.

        Arguments
        ---------
        enrol, test : np.ndarray
            (n, k), (m, k)
        n_enrol : int
            Of how many utterances each on that side is the mean.

        Returns
        -------
        np.ndarray
            (n, m) float32.
        """
        cross, own_enrol, own_test, constant = self._terms(n_enrol, 1)
        own = (enrol**2 @ own_enrol)[:, None] + test**2 @ own_test
        return ((enrol * cross) @ test.T + own + constant.sum()).astype(np.float32)

    def _terms(self, n_enrol, n_test):
        """What the product of both sides, the square of each, and 1 count in the log-likelihood ratio."""
        first, second = self.between + 1 / n_enrol, self.between + 1 / n_test  # variances of the sides' means
        rest = first * second - self.between**2
        own = [0.5 * (1 / mine - other / rest) for mine, other in ((first, second), (second, first))]
        return self.between / rest, *own, 0.5 * np.log(first * second / rest)


def matrix_of(embeddings: np.ndarray | torch.Tensor, kind: str = "embeddings") -> np.ndarray:
    """Embeddings (n, dim) in float64, or a `UserError` that says what ``kind`` they are."""
    embeddings = to_numpy(embeddings, np.float64)
    if embeddings.ndim != 2:
        raise UserError(f"The {kind} have the shape {embeddings.shape}: give a matrix, one row an utterance.")
    bad = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
    if bad.size:
        raise UserError(f"{bad.size} {kind} are not finite, first row {bad[0]}: check its audio and the encoder.")
    return embeddings


def of_one_length(x: np.ndarray) -> np.ndarray:
    """Rows (n, k) scaled to the length sqrt(k), as they would have with variances of 1; one of zeros stays."""
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    return x * np.sqrt(x.shape[1]) / np.where(lengths > 0, lengths, 1)
