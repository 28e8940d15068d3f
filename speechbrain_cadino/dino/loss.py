"""What the student minimises: cross-entropy with the teacher, and the cosine consistency of the embeddings.

Both losses go over the pairs (t, s) of a teacher view t and a student view s != t. The pairs share their sums: a
student view is compared once, with the sum of the teacher's views less its own, so that the cost is linear in the
number of views.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from speechbrain_cadino.utils.distributed import all_reduce_mean


class DINOLoss(nn.Module):
    """Self-distillation loss: the mean over pairs of the cross-entropy of student against teacher.

    Teacher: ``p_t = softmax((z_t - center) / teacher_temp)``; student: ``q_s = softmax(z_s / student_temp)``; loss: the
    mean over (t, s), s != t, of ``-sum_k p_t log q_s``. The center is an exponential moving average of the mean of the
    teacher's logits over its views, the batch and the ranks, moved after the loss (Caron et al., 2021, arXiv
    2104.14294, eq. 4). In evaluation mode the center stays and nothing is exchanged between ranks. All is computed in
    float32. Logits that are not finite, on whichever rank, leave the center as it is on all of them; the loss is not
    finite then.

    Arguments
    ---------
    out_dim : int
        Number of prototypes, K.
    student_temp : float
        Temperature of the student.
    center_momentum : float
        Share of the old center that is kept at each step.

    Example
    -------
    >>> dino_loss = DINOLoss(out_dim=8)
    >>> teacher = [torch.zeros(4, 8), torch.zeros(4, 8)]
    >>> student = [torch.zeros(4, 8, requires_grad=True) for _ in range(6)]
    >>> loss, stats = dino_loss(student, teacher, teacher_temp=0.04)
    >>> bool(torch.isclose(loss, stats["max_entropy"]))
    True
    """

    def __init__(self, out_dim: int, student_temp: float = 0.1, center_momentum: float = 0.9) -> None:
        super().__init__()
        self.out_dim = out_dim
        self.student_temp = student_temp
        self.center_momentum = center_momentum
        self.register_buffer("center", torch.zeros(1, out_dim))

    def forward(
        self, student_logits: list[torch.Tensor], teacher_logits: list[torch.Tensor], teacher_temp: float
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Compare the student's views with the teacher's.

        Arguments
        ---------
        student_logits : list of torch.Tensor
            One (batch, out_dim) tensor a view; the first ``len(teacher_logits)`` views are the teacher's own.
        teacher_logits : list of torch.Tensor
            One (batch, out_dim) tensor a view. They get no gradient.
        teacher_temp : float
            Temperature of the teacher at this step.

        Returns
        -------
        loss : torch.Tensor
            Scalar, in nats.
        stats : dict of torch.Tensor
            Detached scalars in nats, on the logits' device. ``entropy_of_mean``: H(mean p) of the teacher;
            ``mean_entropy``: mean H(p); ``entropy_gap``: their difference, 0 if every input gets the same answer;
            ``kl``: mean KL(p_t || q_s) over the pairs; ``max_entropy``: ln K, for reference.
            In training mode they are means over the ranks.

        Raises
        ------
        ValueError
            If no pair of different views is left.
        """
        n_pairs = _count_pairs(len(teacher_logits), len(student_logits))
        with torch.autocast(student_logits[0].device.type, enabled=False):
            targets, entropies = self._teacher(teacher_logits, teacher_temp)
            loss = 0
            for logits, target in zip(student_logits, _sums_of_others(targets, len(student_logits))):
                log_q = F.log_softmax(logits.float() / self.student_temp, dim=-1)
                loss = loss - (target * log_q).sum()
            loss = loss / (n_pairs * len(student_logits[0]))
            return loss, self._stats_and_center(loss.detach(), teacher_logits, targets, entropies, len(student_logits))

    @torch.no_grad()
    def _teacher(self, teacher_logits, teacher_temp):
        """The teacher's distributions, one (batch, out_dim) tensor a view, and each view's mean entropy (views,)."""
        targets, entropies = [], []
        for logits in teacher_logits:
            log_p = F.log_softmax((logits.float() - self.center) / teacher_temp, dim=-1)
            targets.append(log_p.exp())
            entropies.append(-(targets[-1] * log_p).sum() / len(log_p))
        return targets, torch.stack(entropies)

    @torch.no_grad()
    def _stats_and_center(self, loss, teacher_logits, targets, entropies, n_students):
        # The cross-entropy less the teacher's entropy is the KL divergence, both as means over the pairs.
        pairs_of_view = [n_students - (view < n_students) for view in range(len(targets))]
        entropy_over_pairs = sum(n * h for n, h in zip(pairs_of_view, entropies)) / sum(pairs_of_view)
        scalars = torch.stack([entropies.mean(), loss - entropy_over_pairs])
        mean_p = torch.stack([p.mean(dim=0) for p in targets]).mean(dim=0)
        if self.training:
            mean_logits = torch.stack([z.float().mean(dim=0) for z in teacher_logits]).mean(dim=0)
            # One exchange between the ranks a step carries all that they share.
            shared = all_reduce_mean(torch.cat([mean_logits, mean_p, scalars]))
            mean_logits, mean_p, scalars = shared.split([self.out_dim, self.out_dim, 2])
            moved = self.center.lerp(mean_logits[None], 1 - self.center_momentum)
            # With one NaN it would be NaN for good. All ranks see the same mean, and none waits for its device.
            self.center.copy_(torch.where(mean_logits.isfinite().all(), moved, self.center))
        entropy_of_mean = -torch.xlogy(mean_p, mean_p).sum()
        return {
            "entropy_of_mean": entropy_of_mean,
            "mean_entropy": scalars[0],
            "entropy_gap": entropy_of_mean - scalars[0],
            "kl": scalars[1],
            "max_entropy": torch.full_like(entropy_of_mean, math.log(self.out_dim)),
        }


class CosineConsistencyLoss(nn.Module):
    """The sum over the pairs of ``1 - cos(teacher embedding, student embedding)``, averaged over the batch.

    Its weight is applied by the caller.

    Example
    -------
    >>> view = torch.randn(4, 192)
    >>> bool(CosineConsistencyLoss()([view, view], [view, view]).abs() < 1e-6)
    True
    """

    def forward(self, student_embeddings: list[torch.Tensor], teacher_embeddings: list[torch.Tensor]) -> torch.Tensor:
        """Compare the embeddings of different views of each item.

        Arguments
        ---------
        student_embeddings : list of torch.Tensor
            One (batch, dim) tensor a view; the first ``len(teacher_embeddings)`` views are the teacher's own.
        teacher_embeddings : list of torch.Tensor
            One (batch, dim) tensor a view. They get no gradient.

        Returns
        -------
        torch.Tensor
            Scalar, between 0 and twice the number of pairs.

        Raises
        ------
        ValueError
            If no pair of different views is left.
        """
        n_pairs = _count_pairs(len(teacher_embeddings), len(student_embeddings))
        with torch.autocast(student_embeddings[0].device.type, enabled=False):
            targets = [F.normalize(embedding.detach().float(), dim=-1) for embedding in teacher_embeddings]
            cosines = 0
            for embedding, target in zip(student_embeddings, _sums_of_others(targets, len(student_embeddings))):
                cosines = cosines + (target * F.normalize(embedding.float(), dim=-1)).sum()
            return n_pairs - cosines / len(student_embeddings[0])


def _count_pairs(n_teachers, n_students):
    """The number of pairs of a teacher view and another student view; a `ValueError` if there is none."""
    n_pairs = n_teachers * n_students - min(n_teachers, n_students)
    if n_pairs == 0:
        raise ValueError(f"No pair of different views is left: teacher {n_teachers}, student {n_students}.")
    return n_pairs


def _sums_of_others(targets, n_students):
    """For each student view, the sum of the teacher's targets of all the other views."""
    total = sum(targets)
    for view in range(n_students):
        yield total - targets[view] if view < len(targets) else total
