"""How gate and correction do, where the true speakers are known; for the log alone, nothing is trained on it."""

from __future__ import annotations

import numpy as np
import torch

from speechbrain_cadino.clusters.quality import majority_speakers
from speechbrain_cadino.dlg_lc.loss import Verdicts


class Truth:
    """True speakers beside pseudo-labels: a label is right if it is that of a class of mostly the utterance's speaker.

    Arguments
    ---------
    labels : np.ndarray
        (n,) int64, the class of each item, from 0.
    spk_ids : np.ndarray of str
        (n,) their speakers.
    device : torch.device or str

    Attributes
    ----------
    right : np.ndarray
        (n,) bool: whether the item's label is right.

    Example
    -------
    >>> Truth(np.array([0, 0, 0, 1]), np.array(["a", "a", "b", "b"])).right.tolist()
    [True, True, False, True]
    """

    def __init__(self, labels: np.ndarray, spk_ids: np.ndarray, device: torch.device | str = "cpu") -> None:
        speakers = np.unique(spk_ids, return_inverse=True)[1]
        majority = majority_speakers(labels, speakers)
        self.right = majority[labels] == speakers
        self._right, self._speakers, self._majority = (
            torch.from_numpy(array).to(device) for array in (self.right, speakers, majority)
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
            with clean views ``rightly_corrected``: corrected to a class of the utterance's speaker.
        """
        wrong = ~self._right[items]
        stats = {"fraction_wrong": wrong.float().mean(), "wrong_not_kept": (wrong & ~verdicts.kept).float().mean()}
        if verdicts.classes is not None:
            rightly = verdicts.corrected & (self._majority[verdicts.classes] == self._speakers[items])
            stats["rightly_corrected"] = rightly.float().mean()
        return stats
