"""Which rank this process is, and of how many; one of one where there is no process group."""

import torch.distributed as dist


def is_distributed():
    """True if a process group is up."""
    return dist.is_available() and dist.is_initialized()


def world_size():
    """The number of ranks, 1 without a process group."""
    return dist.get_world_size() if is_distributed() else 1


def rank():
    """The number of this rank, 0 without a process group."""
    return dist.get_rank() if is_distributed() else 0


def is_main():
    """True on the rank that writes files and prints: rank 0, or the only one."""
    return rank() == 0
