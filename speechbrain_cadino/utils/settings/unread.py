"""What is set and read by nobody: settings of a YAML under names of their own, and run options without effect here."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.known import BY_REFERENCE, KNOWN, STAGE_I, STAGE_II
from speechbrain_cadino.utils.settings.objects import NEEDED
from speechbrain_cadino.utils.settings.tree import Node, write_tree

logger = logging.getLogger(__name__)

# SpeechBrain's run options that this package's Brains do not read, and what to do in their place.
IDLE_OPTIONS = {
    "max_grad_norm": "set max_norm of gradient_clipper",
    "log_config": "leave it out",
}


def check_run_options(names: Collection[str]) -> None:
    """Refuse run options that would change nothing.

    Example
    -------
    >>> check_run_options(["log_config"])
    Traceback (most recent call last):
    speechbrain_cadino.utils.errors.UserError: The option --log_config does nothing here: leave it out.
    """
    for name in names:
        if name in IDLE_OPTIONS:
            raise UserError(f"The option --{name} does nothing here: {IDLE_OPTIONS[name]}.")


def unread(tree: Node, run_options: Collection[str]) -> list[str]:
    """The settings of a YAML that no class of its stage reads, or only by reference, and nothing in it refers to.

    Arguments
    ---------
    tree : Node
        A YAML with its bases.
    run_options : collection of str
        Names that SpeechBrain reads, from a YAML as well.

    Returns
    -------
    list of str
    """
    idle = {*IDLE_OPTIONS, *BY_REFERENCE, *(STAGE_I if "run" in tree.items else STAGE_II)}
    read = {*KNOWN, *(name.partition(".")[0] for name in NEEDED), *run_options} - idle
    read |= referred_to(tree)
    return [name for name in tree.items if name not in read and not name.startswith("__")]


def referred_to(tree: Node) -> set[str]:
    """The names that the references of a YAML name."""
    return set(re.findall(r"<(\w+)", write_tree(tree)))


def warn_of_idle(tree: Node, given: Collection[str]) -> None:
    """Say, on the main rank, which options change nothing, since others have taken away what referred to them.

    Arguments
    ---------
    tree : Node
        A YAML with the options in it.
    given : collection of str
        The options' names.
    """
    referred = referred_to(tree)
    names = [name for name in given if name in BY_REFERENCE and name not in referred]
    if names and os.environ.get("RANK", "0") == "0":
        logger.warning(
            "%s changes nothing here: what referred to it has another value, or is null; leave one of both out.",
            ", ".join(f"--{name}" for name in names),
        )


def warn_of_unread(path: str, tree: Node, run_options: Collection[str]) -> None:
    """Say, on the main rank, which settings of a file may be without any effect."""
    names = unread(tree, run_options)
    if names and os.environ.get("RANK", "0") == "0":
        logger.warning("Nothing here reads %s of %s: right only if a class of your own does.", ", ".join(names), path)
