"""Modules on several ranks: DDP, and batch norm that is the same on all of them."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from speechbrain_cadino.utils.distributed import all_reduce_mean, broadcast, is_distributed, world_size


@torch.no_grad()
def broadcast_buffers(module: nn.Module) -> None:
    """Give every rank the main rank's buffers of a module: without SyncBatchNorm each has statistics of its own.

    Every rank must call it. On CUDA and NCCL nothing is sent: SyncBatchNorm keeps them equal already.

    Arguments
    ---------
    module : torch.nn.Module
        Changed in place.
    """
    if world_size() > 1 and not _uses_nccl(module):
        for buffer in module.buffers():
            broadcast(buffer)


def average_gradients(module: nn.Module) -> None:
    """Give every rank the mean of the gradients that the ranks have of a module, where DDP did not see to it.

    Every rank must call it, with gradients of the same parameters. With one rank nothing changes.

    Arguments
    ---------
    module : torch.nn.Module
        Itself, not wrapped.
    """
    for parameter in module.parameters():
        if parameter.grad is not None:
            parameter.grad = all_reduce_mean(parameter.grad)


def synchronise_batchnorm(module: nn.Module) -> nn.Module:
    """Make every batch norm of a module take its statistics over all ranks, where that is possible.

    SyncBatchNorm raises on a CPU, so on gloo the layers stay as they are and each rank uses its own batch. A frozen
    teacher, which DDP does not wrap, needs this call of its own to see the same statistics as the student.

    Arguments
    ---------
    module : torch.nn.Module
        Already on its device.

    Returns
    -------
    torch.nn.Module
        The converted module, or the module itself without CUDA and NCCL.
    """
    return nn.SyncBatchNorm.convert_sync_batchnorm(module) if _uses_nccl(module) else module


def wrap(module: nn.Module, find_unused_parameters: bool = False) -> nn.Module:
    """Wrap a trainable module for distributed training: DDP, with SyncBatchNorm on CUDA and NCCL alone.

    Call the wrapped module once a step, with all the views: several forwards with batch norm in one step fail in
    backward.

    Arguments
    ---------
    module : torch.nn.Module
        Already on its device.
    find_unused_parameters : bool
        As in DDP: set it if some parameters get no gradient in some steps.

    Returns
    -------
    torch.nn.Module
        The DDP module, or the module itself without a process group.
    """
    if not is_distributed():
        return module
    nccl = _uses_nccl(module)
    device = next(module.parameters()).device
    return DistributedDataParallel(
        synchronise_batchnorm(module),
        device_ids=[device] if device.type == "cuda" else None,
        find_unused_parameters=find_unused_parameters,
        broadcast_buffers=not nccl,  # SyncBatchNorm keeps them equal already
    )


def unwrap(module: nn.Module) -> nn.Module:
    """The module inside a DDP wrapper, or the module itself."""
    return module.module if isinstance(module, DistributedDataParallel) else module


def _uses_nccl(module: nn.Module) -> bool:
    on_cuda = next(module.parameters()).device.type == "cuda"
    return on_cuda and is_distributed() and dist.get_backend() == "nccl"
