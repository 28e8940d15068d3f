"""Kinds of values: what a setting may be, how it is said, and the value that text of a command line means."""

from __future__ import annotations

import collections.abc
import inspect
import math
import re
import types
import typing
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from speechbrain_cadino.utils.settings.tree import Node

NOUNS = {
    "whole": "a whole number",
    "number": "a number",
    "flag": "True or False",
    "auto": "auto (it follows the corpus)",
    "text": "text",
    "licence": "a licence as the hub names it, such as cc-by-4.0 (unknown: not decided)",
    "file": "the path of a file",
    "folder": "the path of a folder",
    "list": "a list such as [1, 2]",
    "numbers": "a list of numbers such as [0.9, 1.0]",
    "wholes": "a list of whole numbers such as [20, 10]",
    "files": "a list of paths such as [a.txt, b.txt]",
    "mapping": "a mapping such as {name: value}",
    "object": "an object (!new:...), or some of its settings such as {name: value}",
}
AUTO = "auto"
LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
TEXTS = {"text", "file", "folder"}
ITEMS = {"numbers": "number", "wholes": "whole", "files": "file"}


def is_whole(value: Any, low: float = -math.inf) -> bool:
    """Whether an object's argument is a whole number from ``low`` on; True and False are none.

    Example
    -------
    >>> is_whole(3), is_whole(3, low=4), is_whole(3.0), is_whole(True), is_whole("3")
    (True, False, False, False, False)
    """
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= low


def is_number(value: Any) -> bool:
    """Whether an object's argument is a finite number; True and False are none.

    Example
    -------
    >>> is_number(3), is_number(0.5), is_number(True), is_number(math.nan), is_number("3")
    (True, True, False, False, False)
    """
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True)
class Kind:
    """What a setting may be.

    Arguments
    ---------
    names : tuple of str
        Some of `NOUNS`; one of them must fit.
    null : bool
        Whether it may be null.
    low, high : float
        Bounds of its numbers.
    above : bool
        Whether ``low`` itself is too low.
    choices : tuple of str
        The texts that it may be; any, if there are none.

    Example
    -------
    >>> kind = Kind.parse("whole|wholes? 1..")
    >>> kind.fits(3), kind.fits([3, 2]), kind.fits(None), kind.fits(0), kind.fits(2.5)
    (True, True, True, False, False)
    >>> str(kind)
    'a whole number from 1 on, or a list of whole numbers such as [20, 10], each from 1 on, or null'
    """

    names: tuple
    null: bool = False
    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    choices: tuple = ()

    @classmethod
    def parse(cls, text: str) -> Kind:
        """Of a line of the table: ``name|name? LOW..HIGH``, ``>LOW``, or ``= choice choice``."""
        names, null, low, high, over, choices = re.fullmatch(
            r"([a-z|]+)(\?)?(?: (?:([-\d.]+?)\.\.([-\d.]+)?|>([-\d.]+)|= (.*)))?", text
        ).groups()
        bounds = dict(low=float(low or over or -math.inf), high=float(high or math.inf), above=over is not None)
        return cls(tuple(names.split("|")), bool(null), **bounds, choices=tuple((choices or "").split()))

    def fits(self, value: Any) -> bool:
        """Whether a value, as `Node.plain` gives it, is of this kind; what only a run knows (a tag) may be."""
        if value is None:
            return self.null
        if isinstance(value, Node):
            return "object" in self.names or not value.tag.startswith(("!new:", "!name:")) or not self.names
        return not self.names or any(self._is(name, value) for name in self.names)

    def _is(self, name, value):
        number = is_number(value)
        if name in ITEMS:
            return (
                isinstance(value, (list, tuple))
                and (len(value) > 0 or name == "files")
                and all(isinstance(v, Node) or self._is(ITEMS[name], v) for v in value)
            )
        if name in ("whole", "number"):
            low = value > self.low if number and self.above else number and value >= self.low
            return number and low and value <= self.high and (name == "number" or value == int(value))
        if name in TEXTS:
            return isinstance(value, str) and value.strip() != "" and (not self.choices or value in self.choices)
        if name == "auto":
            return value == AUTO
        if name == "licence":
            return isinstance(value, str) and LICENCE.fullmatch(value) is not None
        wanted = {"flag": bool, "list": (list, tuple), "mapping": dict, "object": dict}[name]
        return isinstance(value, wanted)

    def __str__(self):
        low, high = (f"{bound:.15g}" for bound in (self.low, self.high))  # not 4.29e+09
        bounds = f" above {low}" if self.above else f" from {low} on" if self.low > -math.inf else ""
        if self.high < math.inf:
            bounds = bounds.replace(" on", "") + f" to {high}"
        bound = {"whole": bounds, "number": bounds} | dict.fromkeys(("wholes", "numbers"), bounds and f", each{bounds}")
        said = [NOUNS[name] + bound.get(name, "") for name in self.names]
        said = [f"one of {', '.join(self.choices)}"] if self.choices else said
        return ", or ".join([*said, *(["null"] if self.null else [])]) or "anything"


def kind_of_value(value: Any) -> Kind | None:
    """The kind of what a file says: another value must be of the same one."""
    if value is None:
        return None
    if isinstance(value, Node):
        return Kind(("object",)) if value.tag.startswith(("!new:", "!name:", "!apply:")) else None
    if isinstance(value, (list, tuple)):
        numbers = value and all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in value)
        return Kind(("numbers" if numbers else "list",))
    names = {bool: "flag", int: "number", float: "number", str: "text", dict: "mapping"}
    return Kind((names[type(value)],))


SIMPLE = {bool: "flag", int: "whole", float: "number", str: "text", list: "list", tuple: "list", dict: "mapping"}
SIMPLE |= {collections.abc.Sequence: "list", collections.abc.Mapping: "mapping"}


def kind_of_parameter(parameter: inspect.Parameter, hint: Any) -> Kind | None:
    """The kind of a function's argument by its type hint, else by its default value; None if neither says."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    options = [typing.get_origin(option) or option for option in options]
    names = tuple(SIMPLE[option] for option in options if option in SIMPLE)
    if len(names) == len([option for option in options if option is not type(None)]) > 0:
        return Kind(names, null=type(None) in options)
    default = parameter.default
    if hint is inspect.Parameter.empty and type(default) in (bool, int, float, str, list, tuple):
        return kind_of_value(list(default) if isinstance(default, tuple) else default)
    return None
