"""Gradient clipping, over all parameter groups of an optimiser."""

from __future__ import annotations

from collections.abc import Iterable

import torch


class GradientClipper:
    """Scale gradients down to a largest norm: each parameter's on its own (WeSpeaker's way), or all as one vector.

    SpeechBrain's Brain clips the first parameter group alone; this clips all. Nothing waits for the device.

    Arguments
    ---------
    max_norm : float
        The largest L2 norm.
    per_parameter : bool
        True: each parameter's gradient is clipped by its own norm. False: all by the norm of the whole.

    Example
    -------
    >>> weight = torch.nn.Parameter(torch.zeros(2))
    >>> weight.grad = torch.tensor([30.0, 40.0])
    >>> GradientClipper(max_norm=5.0)(torch.optim.SGD([weight], lr=0.1))
    tensor([50.])
    >>> weight.grad
    tensor([3.0000, 4.0000])
    """

    def __init__(self, max_norm: float = 3.0, per_parameter: bool = True) -> None:
        self.max_norm = max_norm
        self.per_parameter = per_parameter

    def __call__(self, optimizer: torch.optim.Optimizer) -> torch.Tensor:
        """Clip in place.

        Arguments
        ---------
        optimizer : torch.optim.Optimizer
            Its parameters without a gradient are left out.

        Returns
        -------
        torch.Tensor
            The norms before clipping, one a parameter with a gradient, on the gradients' device.
        """
        return self.clip(parameter for group in optimizer.param_groups for parameter in group["params"])

    @torch.no_grad()
    def clip(self, parameters: Iterable[torch.nn.Parameter]) -> torch.Tensor:
        """As a call, of these parameters alone: they are the whole whose norm counts."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if not gradients:
            return torch.zeros(0)
        norms = torch.stack(torch._foreach_norm(gradients))
        measured = norms if self.per_parameter else norms.norm()
        factors = (self.max_norm / (measured + 1e-6)).clamp(max=1.0)
        torch._foreach_mul_(gradients, list(factors.unbind()) if self.per_parameter else factors)
        return norms
