"""Names of a package that are imported when they are first used (PEP 562), so that the package itself costs nothing."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any


def lazy_names(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """What a package's ``__init__.py`` needs to give names without importing what is heavy.

    The names are those that the ``__init__.py`` imports below ``if TYPE_CHECKING:``. They are read from its source, so
    that they stand there once, where editors and type checkers see them as well.

    Arguments
    ---------
    package : str
        ``__name__`` of the package.

    Returns
    -------
    tuple
        Its ``__getattr__``, ``__dir__`` and ``__all__``.

    Example
    -------
    >>> from speechbrain_cadino import dino
    >>> dino.DINOLoss.__module__
    'speechbrain_cadino.dino.loss'
    """
    module = sys.modules[package]
    origins = _imports_for_type_checking(inspect.getsource(module))

    def __getattr__(name: str) -> Any:
        if name not in origins:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if origins[name] == package:  # `from package import room`
            value = importlib.import_module(f"{package}.{name}")
        else:
            value = getattr(importlib.import_module(origins[name]), name)
        setattr(module, name, value)  # the next time it is found at once
        return value

    def __dir__() -> list[str]:
        return sorted({*vars(module), *origins})

    return __getattr__, __dir__, sorted(origins)


def _imports_for_type_checking(source: str) -> dict[str, str]:
    """Name -> module, of ``from module import name`` below ``if TYPE_CHECKING:``."""
    origins = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for line in node.body:
                if not isinstance(line, ast.ImportFrom):
                    raise TypeError(f"Only 'from module import name' may stand there, not: {ast.unparse(line)}")
                for alias in line.names:
                    origins[alias.name] = line.module
    return origins
