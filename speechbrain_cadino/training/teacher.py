"""The teacher: an exponential moving average of the student."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from speechbrain_cadino.training.ddp import broadcast_buffers, unwrap
from speechbrain_cadino.training.modes import train_norms_alone


class EMATeacher(nn.Module):
    """A copy of the student that follows it slowly and gets no gradient.

    Keep it outside DDP. Its batch-norm statistics are a choice:

    - ``"own"`` (the reference code's way, the default): in training mode the teacher normalises by its own batch and
      keeps its own running statistics, which so belong to its own weights; ``update`` leaves them alone. With several
      ranks call `training.ddp.synchronise_batchnorm` on it. Nothing else is in training mode: dropout would be noise in
      what the student is to learn.
    - ``"ema"`` (Cai et al., 2021, arXiv 2101.08482): running statistics follow the student's as the weights do, and the
      teacher always normalises by them, in training too, so that its answer for a view depends on that view alone.

    Arguments
    ---------
    student : torch.nn.Module
        What to copy, as it stands.
    batch_norm : str
        ``"own"`` or ``"ema"``.

    Raises
    ------
    ValueError
        If ``batch_norm`` is neither.

    Example
    -------
    >>> student = nn.Linear(3, 2)
    >>> teacher = EMATeacher(student)
    >>> teacher.update(student, momentum=0.996)
    >>> teacher(torch.randn(4, 3)).requires_grad
    False
    """

    def __init__(self, student: torch.nn.Module, batch_norm: str = "own") -> None:
        super().__init__()
        if batch_norm not in ("own", "ema"):
            raise ValueError(f"batch_norm is '{batch_norm}': give 'own' or 'ema'.")
        self.batch_norm = batch_norm
        self.model = copy.deepcopy(unwrap(student)).requires_grad_(False)
        self.train()

    def train(self, mode: bool = True):
        """As in any module, but with ``batch_norm="ema"`` the teacher stays in evaluation mode."""
        super().train(mode and self.batch_norm == "own")
        train_norms_alone(self.model)
        return self

    def forward(self, *args, **kwargs):
        """What the student's ``forward`` gives, by the averaged weights."""
        return self.model(*args, **kwargs)

    @torch.no_grad()
    def update(self, student: torch.nn.Module, momentum: float) -> None:
        """Move towards the student: ``teacher = momentum * teacher + (1 - momentum) * student``.

        Call it after each optimiser step, on every rank.

        Arguments
        ---------
        student : torch.nn.Module
            Of the same architecture, in a DDP wrapper or not.
        momentum : float
            Between 0 (copy the student) and 1 (stay).
        """
        student = unwrap(student)
        mine, theirs = list(self.model.parameters()), list(student.parameters())
        if self.batch_norm == "ema":
            for own, other in zip(self.model.buffers(), student.buffers(), strict=True):
                if own.is_floating_point():
                    mine.append(own)
                    theirs.append(other)
                else:
                    own.copy_(other)
        # Not torch's AveragedModel: its decay is fixed, and it changes buffers, which "own" leaves alone.
        get_ema_multi_avg_fn(momentum)(mine, theirs, None)
        if self.batch_norm == "ema":
            broadcast_buffers(self)  # the student's statistics are each rank's own until DDP's next forward
