"""AAM-softmax over pseudo-labels: a loss for each sample, and from the same sums the loss of another target."""

from __future__ import annotations

import math

import torch
from speechbrain.lobes.models.ECAPA_TDNN import Classifier
from torch.nn import functional as F


class CosineClassifier(Classifier):
    """SpeechBrain's ECAPA classifier as one layer, in float32 under autocast too: cosines of embeddings and classes.

    In half precision they are wrong by some 0.003, and the logits, 32 times as large, by a tenth.

    Arguments
    ---------
    embedding_dim : int
    n_classes : int

    Example
    -------
    >>> CosineClassifier(embedding_dim=192, n_classes=7500)(torch.randn(4, 192)).shape
    torch.Size([4, 7500])
    """

    def __init__(self, embedding_dim: int, n_classes: int) -> None:
        super().__init__(input_size=embedding_dim, out_neurons=n_classes)

    def forward(self, embeddings: torch.Tensor):
        """Embeddings (batch, embedding_dim) -> cosines (batch, n_classes) float32."""
        with torch.autocast(embeddings.device.type, enabled=False):
            return super().forward(embeddings.float()).squeeze(1)


class AAMSoftmax:
    """Softmax cross-entropy with an additive angular margin on the label (Deng et al., 2019; Xiang et al., 2019).

    The label's logit is ``scale cos(theta + margin)``, any other one ``scale cos(theta)``. Past ``theta + margin = pi``
    it is ``scale (cos(theta) - margin sin(margin))``, so that it never rises again.

    SpeechBrain's ``LogSoftmaxWrapper(AdditiveAngularMargin(0.2, 32))`` has the same mean. It is not used because the
    gate needs the loss of each sample, and the correction one without margin; and since it makes one-hot labels and
    margins for every class: 46 operations, forward and backward, have a (batch, classes) result there, and 10 here. The
    one costly sum is over all classes but the label, and both losses share it. With it a loss, ``ln(1 + exp(sum -
    logit))``, keeps its digits however small it is: ``-log_softmax`` is a multiple of 6e-8 there, and often 0, and the
    gate looks at logarithms.

    Arguments
    ---------
    margin : float
        In radians; set the attribute at any step, from a schedule.
    scale : float

    Example
    -------
    >>> aam = AAMSoftmax(margin=0.2, scale=32.0)
    >>> cosines = torch.tensor([[0.8, 0.1, 0.0], [0.8, 0.1, 0.0]])
    >>> losses, target_losses = aam(cosines, labels=torch.tensor([0, 1]), targets=torch.tensor([0, 0]))
    >>> bool(losses[0] < 1e-6), bool(losses[1] > 20), bool((target_losses < 1e-6).all())
    (True, True, True)
    """

    def __init__(self, margin: float = 0.2, scale: float = 32.0) -> None:
        self.margin, self.scale = margin, scale

    def __call__(self, cosines: torch.Tensor, labels: torch.Tensor, targets: torch.Tensor | None = None):
        """The loss of each sample.

        Arguments
        ---------
        cosines : torch.Tensor, (batch, classes)
            At least two classes.
        labels : torch.Tensor, (batch,) int64
        targets : torch.Tensor, optional
            Classes (batch,) int64, or distributions (batch, classes): compared with the softmax of the cosines times
            ``scale``, without margin.

        Returns
        -------
        losses : torch.Tensor, (batch,) float32
            Of the labels, with margin, in nats.
        target_losses : torch.Tensor, (batch,) float32, or None
            Of the targets: the cross-entropy, in nats. None without targets.
        """
        with torch.autocast(cosines.device.type, enabled=False):
            logits = self.scale * cosines.float()
            columns = labels[:, None]
            label_cosines = cosines.float().gather(1, columns).squeeze(1)
            others = logits.scatter(1, columns, -torch.inf).logsumexp(1)
            losses = F.softplus(others - self.scale * self._with_margin(label_cosines))
            if targets is None:
                return losses, None
            if targets.is_floating_point():
                expected = (targets * logits).sum(1)
            else:
                expected = logits.gather(1, targets[:, None]).squeeze(1)
            return losses, torch.logaddexp(others, self.scale * label_cosines) - expected

    def _with_margin(self, cosines):
        # At a sine of 0 its gradient would be infinite. The next smallest square is 1.2e-7 in float32.
        sines = (1 - cosines * cosines).clamp_min(1e-7).sqrt()
        shifted = cosines * math.cos(self.margin) - sines * math.sin(self.margin)
        past_pi = cosines < -math.cos(self.margin)
        return torch.where(past_pi, cosines - self.margin * math.sin(self.margin), shifted)
