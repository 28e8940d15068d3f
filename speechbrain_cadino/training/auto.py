"""Settings that are ``auto``: which they are, and the numbers that a corpus gives them."""

from __future__ import annotations

import pydoc

import numpy as np

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.kinds import AUTO
from speechbrain_cadino.utils.settings.known import KNOWN
from speechbrain_cadino.utils.settings.objects import check_object
from speechbrain_cadino.utils.settings.tree import Node

LATER = ("n_clusters",)  # `choose_clusters` finds it
# Durations of some corpus, in seconds: before the real one is read.
MIDDLING = np.full(1000, 6.0)


def auto_settings(tree: Node) -> list[str]:
    """The names of the settings that are ``auto``, in their order, but for those that each clustering finds anew."""
    return [name for name, node in tree.items.items() if name in KNOWN and name not in LATER and node.plain() == AUTO]


def numbers_for(tree: Node, names: list[str], durations: np.ndarray) -> dict:
    """The numbers of some settings for a corpus.

    Arguments
    ---------
    tree : Node
        All settings; ``budget`` names the function that gives the numbers, as `budget.stage_one`. Numbers that stand
        in it are kept, and the others follow them.
    names : list of str
        The settings that are to follow.
    durations : np.ndarray
        (n,) seconds of the utterances.

    Returns
    -------
    dict

    Raises
    ------
    UserError
        If there is no number for a setting, or the corpus is too small.
    """
    budget = tree.items.get("budget")
    function = None if budget is None else pydoc.locate(budget.tag.removeprefix("!name:"))
    if function is None:
        raise UserError(f"{names[0]} is auto, and no budget says what that is: give a number, or budget as dino.yaml.")
    check_object("budget", function)
    plain = {name: node.plain() for name, node in tree.items.items() if name not in names}
    given = {name: value for name, value in plain.items() if isinstance(value, (int, float, list))}
    numbers = function(durations, given)
    for name in names:
        if name not in numbers:
            raise UserError(f"{name} is auto, and {function.__name__} has no number for it: give one.")
    return {name: numbers[name] for name in names}
