"""Several ranks, or one: the same calls work in both, so that no training code asks which it is."""

import torch
import torch.distributed as dist
from speechbrain.utils.distributed import ddp_init_group
from torch.nn import SyncBatchNorm
from torch.nn.parallel import DistributedDataParallel

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.ranks import is_distributed, is_main, rank, world_size  # noqa: F401, for their users


def join_ranks(run_opts):
    """Start the process group if ``torchrun`` has started this process.

    Arguments
    ---------
    run_opts : speechbrain.utils.run_opts.RunOptions
        As ``speechbrain.parse_arguments`` gives them.

    Raises
    ------
    UserError
        If there are more processes than GPUs, or the backend is not there.
    """
    try:
        ddp_init_group(run_opts)
    except ValueError as error:
        reason = " ".join(str(error).split()).rstrip("!.")
        raise UserError(
            f"The processes of torchrun cannot work together ({reason}): start one for each GPU, or, to train on CPUs, "
            "give --distributed_backend=gloo."
        ) from error


@torch.no_grad()
def all_reduce_mean(tensor):
    """The mean of a tensor over all ranks; without a process group the tensor itself.

    Every rank must call it, with the same shape. gloo has no averaging reduction, so the sum is divided here.

    Arguments
    ---------
    tensor : torch.Tensor
        Any shape, floating point; it is left as it was.

    Returns
    -------
    torch.Tensor
        The same on all ranks.

    Example
    -------
    >>> all_reduce_mean(torch.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    if world_size() == 1:
        return tensor
    total = tensor.clone()
    dist.all_reduce(total)
    return total / world_size()


@torch.no_grad()
def broadcast_buffers(module):
    """Give every rank the main rank's buffers of a module: without SyncBatchNorm each has statistics of its own.

    Every rank must call it. On CUDA and NCCL nothing is sent: SyncBatchNorm keeps them equal already.

    Arguments
    ---------
    module : torch.nn.Module
        Changed in place.
    """
    if world_size() > 1 and not _uses_nccl(module):
        for buffer in module.buffers():
            dist.broadcast(buffer, src=0)


def gather(value):
    """What every rank gives, as a list in their order, on each of them; without a process group ``[value]``.

    Every rank must call it. The value is pickled, so tensors are best given on the CPU.

    Example
    -------
    >>> gather("a")
    ['a']
    """
    if world_size() == 1:
        return [value]
    values = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def synchronise_batchnorm(module):
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
    return SyncBatchNorm.convert_sync_batchnorm(module) if _uses_nccl(module) else module


def wrap(module, find_unused_parameters=False):
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


def unwrap(module):
    """The module inside a DDP wrapper, or the module itself."""
    return module.module if isinstance(module, DistributedDataParallel) else module


def _uses_nccl(module):
    on_cuda = next(module.parameters()).device.type == "cuda"
    return on_cuda and is_distributed() and dist.get_backend() == "nccl"
