"""What the options of several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

NUMBER = re.compile(r"-\.?\d\S*")
NOT_ALL = 3  # exit status where a part of what was asked for is not there


class WithLists(click.Command):
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


def device_option(function: Callable) -> Callable:
    """Where an encoder computes."""
    return click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1")(function)
