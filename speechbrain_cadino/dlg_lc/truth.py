"""How gate and correction do, where the true speakers are known; for the log alone, nothing is trained on it."""

from __future__ import annotations

import numpy as np
import torch

from speechbrain_cadino.clusters.quality import UNKNOWN, majority_speakers
from speechbrain_cadino.dlg_lc.loss import Verdicts


class Truth:
    """True speakers beside pseudo-labels: a label is right if it is that of a class of mostly the utterance's speaker.

    Arguments
    ---------
    labels : np.ndarray
        (n,) int64, the class of each item, from 0.
    spk_ids : np.ndarray of str
        (n,) their speakers, '' for an unknown one, which counts nowhere.
    device : torch.device or str

    Attributes
    ----------
    known, right : np.ndarray
        (n,) bool: whether the item's speaker is known, and then whether its label is right.

    Example
    -------
    >>> Truth(np.array([0, 0, 0, 1]), np.array(["a", "a", "b", "b"])).right.tolist()
    [True, True, False, True]
    """

    def __init__(self, labels: np.ndarray, spk_ids: np.ndarray, device: torch.device | str = "cpu") -> None:
        self.known = spk_ids != ""
        speakers = np.where(self.known, np.unique(spk_ids, return_inverse=True)[1], UNKNOWN)
        majority = majority_speakers(labels, speakers)
        self.right = self.known & (majority[labels] == speakers)
        self._knows_all = bool(self.known.all())
        self._known, self._right, self._speakers, self._majority = (
            torch.from_numpy(array).to(device) for array in (self.known, self.right, speakers, majority)
        )

    def stats(self, items: torch.Tensor, verdicts: Verdicts) -> dict[str, torch.Tensor]:
        """How gate and correction did in a batch.

        Arguments
        ---------
        items : torch.Tensor, (batch,) int64
        verdicts : Verdicts
            As `DLGLCLoss` gives them.

        Returns
        -------
        dict of torch.Tensor
            Scalars, means over the batch: ``fraction_wrong`` labels; ``wrong_not_kept``: wrong and over the threshold;
            with clean views ``rightly_corrected``: corrected to a class of the utterance's speaker. Where some speakers
            of the training are unknown, for `epoch_ratios` also ``fraction_known``, ``known_not_kept`` and
            ``known_corrected``, and ``known_wrong`` in place of ``fraction_wrong``.
        """
        known = self._known[items]
        wrong = known & ~self._right[items]
        found = {
            "fraction_wrong" if self._knows_all else "known_wrong": wrong,
            "wrong_not_kept": wrong & ~verdicts.kept,
        }
        if not self._knows_all:
            found |= {"fraction_known": known, "known_not_kept": known & ~verdicts.kept}
            found["known_corrected"] = known & verdicts.corrected
        if verdicts.classes is not None:
            rightly = self._majority[verdicts.classes] == self._speakers[items]
            found["rightly_corrected"] = known & verdicts.corrected & rightly
        return {name: value.float().mean() for name, value in found.items()}
