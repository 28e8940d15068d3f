"""Seeing a collapse coming: every input gets the same answer, and the loss looks fine."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from speechbrain_cadino.training.metric_averager import MetricAverager
from speechbrain_cadino.utils.errors import UserError


class CollapseError(UserError):
    """The teacher gives every input the same answer: training on is no use."""


def embedding_spread(embeddings: torch.Tensor) -> torch.Tensor:
    """How far the embeddings of a batch point apart.

    The mean over dimensions of the deviation over the batch of the L2-normalised embeddings, times sqrt(dim).

    Arguments
    ---------
    embeddings : torch.Tensor
        (batch, dim).

    Returns
    -------
    torch.Tensor
        Scalar: about 1 if the directions are isotropic, 0 if all are the same.

    Example
    -------
    >>> import torch
    >>> embedding_spread(torch.ones(8, 192)).item()
    0.0
    """
    directions = F.normalize(embeddings.detach().float(), dim=-1)
    return directions.std(dim=0, correction=0).mean() * embeddings.shape[-1] ** 0.5


class CollapseWatch(MetricAverager):
    """Averages each step's metrics over an epoch and the ranks, and stops a run that has collapsed.

    It reads tensors, never settings. Entropy alone says nothing, since a healthy run may sit near ln K for epochs. What
    tells is the gap between the entropy of the mean answer, H(mean p), and the mean entropy of the answers, mean H(p):
    it is the mutual information of input and prototype, and 0 if every input gets the same answer, be that uniform or
    one-hot.

    Arguments
    ---------
    warmup_epochs : int
        Epochs that may look collapsed without a stop.
    min_gap : float
        The smallest healthy gap, in nats.
    min_spread : float
        The smallest healthy `embedding_spread`.

    Example
    -------
    >>> import torch
    >>> watch = CollapseWatch(warmup_epochs=5)
    >>> watch.add({"entropy_gap": torch.tensor(2.0)}, torch.randn(8, 192))
    >>> metrics = watch.finish_epoch()
    >>> metrics["entropy_gap"]
    2.0
    >>> watch.check(metrics)
    """

    def __init__(self, warmup_epochs: int = 10, min_gap: float = 0.02, min_spread: float = 0.05) -> None:
        super().__init__()
        self.warmup_epochs = warmup_epochs
        self.min_gap = min_gap
        self.min_spread = min_spread

    def add(self, stats: dict[str, torch.Tensor], embeddings: torch.Tensor) -> None:
        """Take in one step; nothing waits for the device.

        Arguments
        ---------
        stats : dict of torch.Tensor
            Scalars, as `dino.loss.DINOLoss` returns them.
        embeddings : torch.Tensor
            (batch, dim), of one view of each item.
        """
        super().add({**stats, "embedding_spread": embedding_spread(embeddings)})

    def check(self, metrics: dict[str, float]) -> None:
        """Stop the run if the epoch just finished has collapsed; log the metrics before.

        Raises
        ------
        CollapseError
            After the warm-up, if the gap or the spread is under its smallest healthy value; at any time, if no step of
            the epoch has given a finite one.
        """
        if not math.isfinite(metrics["entropy_gap"] + metrics["embedding_spread"]):
            raise CollapseError(
                f"In epoch {self.epochs} no step has given finite numbers (entropy gap {metrics['entropy_gap']:.3f}, "
                f"embedding spread {metrics['embedding_spread']:.3f}): lower lr, and start again in another "
                "output_folder."
            )
        same_answer = metrics["entropy_gap"] < self.min_gap or metrics["embedding_spread"] < self.min_spread
        if self.epochs <= self.warmup_epochs or not same_answer:
            return
        uniform = metrics["mean_entropy"] > metrics["max_entropy"] / 2
        seen = "nearly uniform" if uniform else "nearly one-hot"
        change = (
            "lower teacher_temp, raise the learning rate or take fewer prototypes"
            if uniform
            else "raise teacher_temp, lower center_momentum or lower the learning rate"
        )
        raise CollapseError(
            f"Training has collapsed: after epoch {self.epochs} the teacher gives every input the same {seen} "
            f"answer (H(mean p) {metrics['entropy_of_mean']:.3f}, mean H(p) {metrics['mean_entropy']:.3f}, "
            f"ln K {metrics['max_entropy']:.3f} nats, embedding spread {metrics['embedding_spread']:.3f}), "
            f"so {change}, and start again in another output_folder."
        )
