"""Parts of a network that learn at a rate of their own: parameter groups of the optimiser."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

FACTOR = "lr_factor"  # of a module, and of the group of its parameters


def rate_factors(modules: nn.Module) -> dict[nn.Parameter, float]:
    """The parameters whose module, or one around it, has an attribute ``lr_factor``, and that number.

    Arguments
    ---------
    modules : torch.nn.Module

    Returns
    -------
    dict of torch.nn.Parameter to float

    Example
    -------
    >>> net = nn.Linear(2, 3)
    >>> net.lr_factor = 0.1
    >>> list(rate_factors(nn.Sequential(net, nn.Linear(3, 1))).values())
    [0.1, 0.1]
    """
    found = {}
    for module in modules.modules():  # an inner one comes later, and counts more
        factor = getattr(module, FACTOR, None)
        if factor is not None:
            found |= dict.fromkeys(module.parameters(), float(factor))
    return found


def with_rates(opt_class: Callable, modules: nn.Module) -> Callable:
    """The optimiser's class, made to give the parameters of `rate_factors` groups of their own.

    Groups without a factor come first. A parameter that is not trained is left out.

    Arguments
    ---------
    opt_class : callable
        From parameters, or groups of them, to an optimiser. It is given back where no module has a factor.
    modules : torch.nn.Module
        Whose parameters they are.

    Returns
    -------
    callable
    """
    factors = rate_factors(modules)
    return opt_class if not factors else lambda params: opt_class(_groups(list(params), factors))


def _groups(params, factors):
    groups = params if isinstance(params[0], dict) else [{"params": params}]
    found = []
    for factor in sorted(set(factors.values()) | {1.0}, key=lambda factor: factor != 1.0):
        for group in groups:
            part = [one for one in group["params"] if one.requires_grad and factors.get(one, 1.0) == factor]
            if part:
                found.append({**group, "params": part, **({} if factor == 1.0 else {FACTOR: factor})})
    return found


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group the learning rate, times its factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get(FACTOR, 1.0)
