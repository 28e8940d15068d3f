"""What an extra of this package installs, imported when it is first used: the rest does without it."""

from __future__ import annotations

import importlib
from types import ModuleType

from speechbrain_cadino.utils.errors import UserError

PACKAGES = {"PIL": "pillow"}  # where a package has another name than its module


def need(module: str, extra: str, what: str) -> ModuleType:
    """Import a module of an extra, or raise a `UserError` that says how to install it.

    Arguments
    ---------
    module : str
        Such as "PIL.Image".
    extra : str
        Such as "faces".
    what : str
        Begins the sentence: "Faces need".

    Example
    -------
    >>> need("json", "faces", "Faces need").__name__
    'json'
    """
    top = module.split(".")[0]
    package, remedy = PACKAGES.get(top, top), f"pip install 'speechbrain-cadino[{extra}]'"
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"{what} {package}, which is not installed ({error}): {remedy}.") from error
    except RuntimeError as error:  # a torchvision that belongs to another torch does not find its operators
        reason = str(error).split("\n")[0].rstrip(".")
        raise UserError(f"{package} does not fit the installed torch ({reason}): {remedy}.") from error
