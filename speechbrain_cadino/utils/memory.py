"""How much memory there is, and one refusal, before hours are spent, of what does not fit."""

from __future__ import annotations

import logging
from pathlib import Path

import psutil

from speechbrain_cadino.utils.errors import UserError

logger = logging.getLogger(__name__)
# Names of a control group's limit, of what it uses, and, in memory.stat, of the part that is files that it has read.
_VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_VERSION_2 = ("memory.max", "memory.current", "inactive_file")


def available_memory() -> int:
    """Bytes that can be had without swapping, and within the limit of the container, which psutil does not see."""
    return int(min(psutil.virtual_memory().available, cgroup_memory()))


def cgroup_memory(root: str | Path = "/sys/fs/cgroup", groups: str | Path = "/proc/self/cgroup") -> int | float:
    """Bytes that are left to this process' control groups, infinite where no limit is set or nothing can be read.

    Arguments
    ---------
    root : str or Path
        Where the control groups are mounted, of version 1 or 2.
    groups : str or Path
        The list of the process' groups, as Linux gives it.
    """
    try:
        lines = [line.split(":", 2) for line in Path(groups).read_text(encoding="utf-8").splitlines()]
    except OSError:  # not Linux
        return float("inf")
    left = [float("inf")]
    for _, controllers, path in lines:
        if controllers and "memory" not in controllers.split(","):
            continue
        files, base = (_VERSION_1, Path(root, "memory")) if controllers else (_VERSION_2, Path(root))
        here = base / path.lstrip("/")
        # A group's limit holds for all below it; in a container the own group may be mounted as the root.
        for folder in {base, here, *(parent for parent in here.parents if parent.is_relative_to(base))}:
            left.append(_left(folder, *files))
    return max(0, min(left))


def check_memory(n_bytes: int, task: str, remedy: str, fraction: float = 1.0) -> None:
    """Log what a task will take, or raise a `UserError` if that is not available.

    Arguments
    ---------
    n_bytes : int
        What it takes.
    task : str
        In words, after "To".
    remedy : str
        What to set instead; it ends the message.
    fraction : float
        How much of the available memory the task may have.

    Example
    -------
    >>> check_memory(1000, "keep 3 utterances", "set preload to False")
    """
    available = available_memory()
    if n_bytes > fraction * available:
        of = f"{fraction:.0%} of " if fraction < 1 else ""
        raise UserError(
            f"To {task} takes {n_bytes / 1e9:.1f} GB of memory, more than {of}the {available / 1e9:.1f} GB that are "
            f"available: {remedy}."
        )
    level = logging.INFO if n_bytes >= 1e9 else logging.DEBUG  # less is no news
    logger.log(level, "To %s takes %.2f GB of memory.", task, n_bytes / 1e9)


def _left(folder: Path, limit: str, used: str, cache: str) -> float:
    """What is left to one group; files that it has read count as used, but are given up when memory is needed."""
    try:
        most, now = (int((folder / name).read_text(encoding="ascii")) for name in (limit, used))
        stat = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
        return most - now + int(stat.get(cache, 0))
    except (OSError, ValueError):  # the group is not there, or its limit is "max"
        return float("inf")
