"""What k-means asks of several ranks; with one rank the same calls change nothing."""

import torch
import torch.distributed as dist

from speechbrain_cadino.utils.ranks import rank, world_size


def shard(n_items):
    """The rows that this rank works on: a slice of ``range(n_items)``, perhaps empty, every row in one rank's."""
    return slice(rank() * n_items // world_size(), (rank() + 1) * n_items // world_size())


def all_reduce(tensor):
    """Sum a tensor over all ranks in place; they all hold the same bits afterwards."""
    if world_size() > 1:
        dist.all_reduce(tensor)
    return tensor


def from_first(tensor):
    """Overwrite a tensor with that of rank 0, in place."""
    if world_size() > 1:
        dist.broadcast(tensor, src=0)
    return tensor


def all_gather(part, n_items):
    """The (n_items,) tensor whose `shard` on each rank is ``part``; the same on all ranks."""
    if world_size() == 1:
        return part
    whole = torch.zeros(n_items, dtype=part.dtype, device=part.device)
    whole[shard(n_items)] = part
    return all_reduce(whole)
