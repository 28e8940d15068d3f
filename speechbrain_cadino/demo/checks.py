"""Whether settings by name are those of a function, each of the kind that its default is of."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.kinds import NOUNS, SIMPLE, is_number, is_whole

FITS = {int: is_whole, float: is_number, str: lambda value: isinstance(value, str)}


def check_kinds(settings: dict[str, Any], function: Callable, what: str) -> None:
    """Refuse a setting that the function has not, or that is of another kind than its default.

    Arguments
    ---------
    settings : dict
        By name.
    function : callable
        Whose arguments have defaults: numbers, texts, or None, which stands for a whole number or None.
    what : str
        What has these settings, for the message.

    Raises
    ------
    UserError

    Example
    -------
    >>> def make(place, sessions=3, tail=0.8): ...
    >>> check_kinds({"sessions": 2.5}, make, "The corpus")
    Traceback (most recent call last):
    speechbrain_cadino.utils.errors.UserError: The corpus has sessions 2.5, which must be a whole number: correct it.
    """
    parameters = inspect.signature(function).parameters.values()
    known = {one.name: one.default for one in parameters if one.default is not inspect.Parameter.empty}
    for name, value in settings.items():
        if name not in known:
            raise UserError(f"{what} has {name}, which is none of {', '.join(known)}: correct it.")
        kind = int if known[name] is None else type(known[name])
        if not FITS[kind](value) and not (value is None and known[name] is None):
            raise UserError(f"{what} has {name} {value!r}, which must be {NOUNS[SIMPLE[kind]]}: correct it.")
