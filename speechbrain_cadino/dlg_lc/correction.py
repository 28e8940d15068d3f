"""Label correction: what the model itself says of an utterance whose label is not to be trusted."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.nn import functional as F

from speechbrain_cadino.utils.errors import UserError


class Correction(NamedTuple):
    """New labels for a batch.

    Arguments
    ---------
    targets : torch.Tensor
        Distributions (batch, classes), or classes (batch,) int64.
    confidences : torch.Tensor, (batch,)
        The probability of the likeliest class.
    passed : torch.Tensor, (batch,) bool
        Whether that is enough for the target to be used.
    classes : torch.Tensor, (batch,) int64
        The likeliest class.
    """

    targets: torch.Tensor
    confidences: torch.Tensor
    passed: torch.Tensor
    classes: torch.Tensor


class LabelCorrector:
    """The prediction on the clean view, sharpened, as the target for the augmented one (arXiv 2304.05754).

    With logits ``z = logit_scale cos``: the target is ``softmax(z / temperature)``, and is used if the largest
    probability of ``softmax(z)`` is over ``tau_2``. Which logits decides everything. At 7,500 classes, with a cosine of
    0.7 to one and 0 to the others, the largest probability is 0.0003 for the bare cosines (``logit_scale`` 1) and 0.13
    once sharpened by 0.1; for the classifier's own logits (32) it is 1.0 before that. So watch the fraction that
    passes: at 0 nothing is ever corrected, at 1 everything is.

    Arguments
    ---------
    logit_scale : float
        1 for the cosines themselves; the scale of `AAMSoftmax` for the classifier's logits. Our choice.
    temperature : float
        Under 1 sharpens.
    tau_2 : float
        The probability to pass. 0.5 is what public code of others has (theolepage/wavlm_ssl_sv), of other logits.
    sharpen_first : bool
        Whether ``tau_2`` is compared with the sharpened probability. False is our choice.
    hard : bool
        Whether the target is the likeliest class alone, instead of the distribution.

    Raises
    ------
    UserError
        If the scale or the temperature is not over 0, or ``tau_2`` is no probability.

    Example
    -------
    >>> corrector = LabelCorrector(logit_scale=32.0, hard=True)
    >>> correction = corrector(torch.tensor([[0.7, 0.0, 0.0], [0.1, 0.1, 0.1]]))
    >>> correction.targets.tolist(), correction.passed.tolist()
    ([0, 0], [True, False])
    """

    def __init__(
        self,
        logit_scale: float = 32.0,
        temperature: float = 0.1,
        tau_2: float = 0.5,
        sharpen_first: bool = False,
        hard: bool = False,
    ) -> None:
        for name, value in {"logit_scale": logit_scale, "temperature": temperature}.items():
            if not value > 0:
                raise UserError(f"{name} of the label correction is {value}: set a number over 0.")
        if not 0 <= tau_2 <= 1:
            raise UserError(f"tau_2 is {tau_2}: set a probability, from 0 to 1.")
        self.logit_scale, self.temperature, self.tau_2 = logit_scale, temperature, tau_2
        self.sharpen_first, self.hard = sharpen_first, hard

    @torch.no_grad()
    def __call__(self, cosines: torch.Tensor) -> Correction:
        """Predict the labels of a batch.

        Arguments
        ---------
        cosines : torch.Tensor, (batch, classes)
            Of the clean views.

        Returns
        -------
        Correction
            Without gradient; float32.
        """
        with torch.autocast(cosines.device.type, enabled=False):
            largest, labels = cosines.float().max(dim=1, keepdim=True)
            return self._of(self.logit_scale * (cosines.float() - largest), labels.squeeze(1))

    @torch.no_grad()
    def log_posteriors(self, cosines: torch.Tensor) -> torch.Tensor:
        """ln softmax(logit_scale cos), (batch, classes) float32: what is averaged over modalities."""
        with torch.autocast(cosines.device.type, enabled=False):
            return F.log_softmax(self.logit_scale * cosines.float(), dim=1)

    @torch.no_grad()
    def of_posteriors(self, log_posteriors: torch.Tensor) -> Correction:
        """As a call, from ln p (batch, classes): the target is ``p^(1 / temperature) / Z``."""
        largest, labels = log_posteriors.max(dim=1, keepdim=True)
        return self._of(log_posteriors - largest, labels.squeeze(1))

    def _of(self, logits, classes):
        """The `Correction` of logits whose largest is 0, (batch, classes), and the place of that."""
        sharpened = logits / self.temperature
        confidences = 1 / (sharpened if self.sharpen_first else logits).exp().sum(dim=1)
        targets = classes if self.hard else F.softmax(sharpened, dim=1)
        return Correction(targets, confidences, confidences > self.tau_2, classes)
