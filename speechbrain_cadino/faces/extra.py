"""What the extra ``[faces]`` installs, imported when it is first used: voices alone do without it."""

from __future__ import annotations

from types import ModuleType

from speechbrain_cadino.utils import extras


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
    return extras.need(module, "faces", "Faces need")
