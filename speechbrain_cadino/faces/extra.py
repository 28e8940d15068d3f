"""What the extra ``[faces]`` installs, imported when it is first used: voices alone do without it."""

from __future__ import annotations

import importlib
from types import ModuleType

from speechbrain_cadino.utils.errors import UserError

REMEDY = "pip install 'speechbrain-cadino[faces]'"


def need(module: str) -> ModuleType:
    """Import a module of Pillow or torchvision, or raise a `UserError` that says how to install it.

    Arguments
    ---------
    module : str
        Such as "PIL.Image".

    Example
    -------
    >>> need("PIL.Image").__name__
    'PIL.Image'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"Faces need {_package(module)}, which is not installed ({error}): {REMEDY}.") from error
    except RuntimeError as error:  # a torchvision that belongs to another torch does not find its operators
        reason = str(error).split("\n")[0].rstrip(".")
        raise UserError(f"{_package(module)} does not fit the installed torch ({reason}): {REMEDY}.") from error


def _package(module):
    return {"PIL": "pillow"}.get(module.split(".")[0], module.split(".")[0])
