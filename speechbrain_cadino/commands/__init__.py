"""The command line, ``python -m speechbrain_cadino COMMAND``: a module for each command, heavy imports inside it."""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino.commands.group import command_line, run

__getattr__, __dir__, __all__ = lazy_names(__name__)
