"""What the options of several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from speechbrain_cadino.corpus.suffixes import KNOWN, PICTURE_SUFFIXES, suffix_of
from speechbrain_cadino.utils.errors import UserError

NUMBER = re.compile(r"-\.?\d\S*")
NOT_ALL = 3  # exit status where a part of what was asked for is not there
SEED = click.IntRange(min=0)


class OverZero(click.ParamType):
    """A finite number over 0."""

    name = "float"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        number = click.FLOAT.convert(value, param, ctx)
        if not 0 < number < float("inf"):
            self.fail(f"{value} is no finite number over 0.", param, ctx)
        return number


class Once(click.Command):
    """A command whose options of one value are refused where they are given twice: the first would be forgotten."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As of `click.Command`."""
        order = self.make_parser(ctx).parse_args(list(args))[2]
        for param in order:
            takes_one = isinstance(param, click.Option) and not param.multiple and not param.is_flag
            if takes_one and order.count(param) > 1:
                raise click.UsageError(f"{param.opts[0]} is given {order.count(param)} times: give it once.", ctx)
        return super().parse_args(ctx, args)


class WithLists(Once):
    """A command without arguments by place, whose ``multiple`` options take several values each: ``--trials A B``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As of `click.Command`, with the option's name put before each further value."""
        several = {name for option in self.params if option.multiple for name in option.opts}
        normalise = ctx.token_normalize_func or str
        spelled, current, has_value = [], None, False
        for position, text in enumerate(args):
            if text == "--":
                spelled += args[position:]
                break
            if text.startswith("-") and not NUMBER.fullmatch(text):
                name = f"--{normalise(text[2:])}"
                current, has_value = (text if name in several else None), False
            else:
                spelled += [current] if current and has_value else []
                has_value = True
            spelled.append(text)
        return super().parse_args(ctx, spelled)


def example(*lines: str) -> str:
    """The end of a command's help: lines that are not to be wrapped."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Options without those that are None or empty, so that the function's own default counts."""
    return {name: value for name, value in options.items() if value is not None and value != ()}


def check_files(written: Mapping[str, str | None], read: Iterable[str | None]) -> None:
    """Refuse an output that is read as well, which would be lost, and two outputs of one name.

    Arguments
    ---------
    written : mapping of str to str or None
        Option to the file that it names.
    read : iterable of str or None
        Files and folders.
    """
    taken = {}
    for name, path in written.items():
        if not path:
            continue
        if any(one and Path(path).exists() and Path(one).exists() and Path(path).samefile(one) for one in read):
            raise UserError(f"{path} is both read and written: give the output a name of its own.")
        other = taken.setdefault(Path(path).resolve(), name)
        if other != name:
            raise UserError(f"{other} and {name} are both {path}: give each a name of its own.")


def check_unused(names: Iterable[str], why: str) -> None:
    """Refuse options of the present command that were given and would do nothing."""
    context = click.get_current_context()
    used = [name for name in names if context.get_parameter_source(name) is not ParameterSource.DEFAULT]
    if used:
        raise UserError(f"--{used[0]} does nothing {why}: leave it out.")


def check_data_folder(source: Iterable[str], data_folder: str | None) -> None:
    """Refuse a data folder beside what stands for itself: folders, and audio files or pictures."""
    for one in source:
        if data_folder and (Path(one).is_dir() or suffix_of(one) in KNOWN.union(PICTURE_SUFFIXES)):
            raise UserError(
                f"--data_folder is what the names in a list or CSV start from, and {one} is none: leave it out."
            )


def device_option(function: Callable) -> Callable:
    """Where an encoder computes."""
    return click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1")(function)
