"""Several ranks, or one: which one this is, and what they send each other.

With one rank the same calls change nothing, so no code asks how many there are. Tensors may lie anywhere: one that was
restored from a checkpoint lies on the CPU, where NCCL does not look, and is moved there and back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist

from speechbrain_cadino.utils.errors import UserError


def join_ranks(run_opts: dict[str, Any]) -> None:
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
    from speechbrain.utils.distributed import (
        ddp_init_group,  # seconds to import, and most users of this module need none
    )

    try:
        ddp_init_group(run_opts)
    except ValueError as error:
        reason = " ".join(str(error).split()).rstrip("!.")
        raise UserError(
            f"The processes of torchrun cannot work together ({reason}): start one for each GPU, or, to train on CPUs, "
            "give --distributed_backend=gloo."
        ) from error


def leave_ranks() -> None:
    """End the process group, once every rank has come here; one that ends while others still talk may abort them."""
    if is_distributed():
        dist.barrier()
        dist.destroy_process_group()


def is_distributed() -> bool:
    """True if a process group is up."""
    return dist.is_available() and dist.is_initialized()


def world_size() -> int:
    """The number of ranks, 1 without a process group."""
    return dist.get_world_size() if is_distributed() else 1


def rank() -> int:
    """The number of this rank, 0 without a process group."""
    return dist.get_rank() if is_distributed() else 0


def is_main() -> bool:
    """True on the rank that writes files and prints: rank 0, or the only one."""
    return rank() == 0


def shard(n_items: int) -> slice:
    """The rows that this rank works on: a slice of ``range(n_items)``, perhaps empty, every row in one rank's."""
    return slice(rank() * n_items // world_size(), (rank() + 1) * n_items // world_size())


def all_reduce(tensor: torch.Tensor) -> torch.Tensor:
    """Sum a tensor over all ranks in place; they all hold the same bits afterwards. Every rank must call it."""
    return _exchange(tensor, dist.all_reduce)


def max_over_ranks(*numbers: int) -> list[int]:
    """The largest of each number over the ranks: for a flag, whether any rank has it. Every rank must call it.

    Example
    -------
    >>> max_over_ranks(True, 0)
    [1, 0]
    """
    shared = torch.tensor([int(number) for number in numbers])
    return _exchange(shared, dist.all_reduce, op=dist.ReduceOp.MAX).tolist()


@torch.no_grad()
def all_reduce_mean(tensor: torch.Tensor) -> torch.Tensor:
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
    return tensor if world_size() == 1 else all_reduce(tensor.clone()) / world_size()


def broadcast(tensor: torch.Tensor) -> torch.Tensor:
    """Overwrite a tensor with that of rank 0, in place. Every rank must call it."""
    return _exchange(tensor, dist.broadcast, src=0)


def all_gather(part: torch.Tensor, n_items: int) -> torch.Tensor:
    """The (n_items,) tensor whose `shard` on each rank is ``part``; the same on all ranks, who must all call it."""
    if world_size() == 1:
        return part
    whole = torch.zeros(n_items, dtype=part.dtype, device=part.device)
    whole[shard(n_items)] = part
    return all_reduce(whole)


def all_gather_object(value: Any) -> list[Any]:
    """What every rank gives, as a list in their order, on each of them; without a process group ``[value]``.

    Every rank must call it. The value is pickled, so tensors are best given on the CPU.

    Example
    -------
    >>> all_gather_object("a")
    ['a']
    """
    if world_size() == 1:
        return [value]
    values = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


class OtherRankError(UserError):
    """Another rank has failed and says why itself, so that this needs no line."""

    quiet = True


def together(work: Callable, *inputs: Any) -> Any:
    """What work that each rank does alone gives, before they meet; raised on all of them if one has failed.

    Else the others would wait for one that does not come. Every rank must call it.

    Arguments
    ---------
    work, *inputs :
        A callable, and what it takes.

    Raises
    ------
    OtherRankError
        On a rank without an error, if another has one; that one raises its own.

    Example
    -------
    >>> together(max, 1, 2)
    2
    """
    result, failure = None, None
    try:
        result = work(*inputs)
    except Exception as error:  # of whatever kind: the other ranks are to know
        failure = error
    told = all_gather_object(None if failure is None else f"{type(failure).__name__}: {failure}")
    for number, text in enumerate(told):
        if text is not None:
            raise failure or OtherRankError(f"rank {number} has failed ({text})")
    return result


def _exchange(tensor, collective, **settings):
    """A collective call that changes a tensor in place, wherever it lies."""
    if world_size() == 1:
        return tensor
    if not _must_move(tensor):
        collective(tensor, **settings)
        return tensor
    moved = tensor.cuda()
    collective(moved, **settings)
    return tensor.copy_(moved)


def _must_move(tensor):
    return dist.get_backend() == "nccl" and not tensor.is_cuda
