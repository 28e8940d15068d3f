"""What objects raise that get values which do not go together, in one line that says where."""

from __future__ import annotations

import traceback

# A file that is included may be absent.
FAULTS = (
    ValueError, LookupError, ImportError, TypeError, AttributeError, ArithmeticError, AssertionError, RuntimeError,
    FileNotFoundError, IsADirectoryError,
)  # fmt: skip


def fault_line(error: BaseException) -> str:
    """An error's text in one line; of one without a text, the line of code that raised it and what was being built.

    Example
    -------
    >>> fault_line(ValueError("of two", "parts"))
    'of two parts'
    """
    parts = error.args if error.args and all(isinstance(part, str) for part in error.args) else [str(error)]
    text = " ".join(" ".join(parts).split())
    if text:
        return text
    name, frames = type(error).__name__, list(traceback.walk_tb(error.__traceback__))
    built = [frame.f_locals["callable_string"] for frame, _ in frames if "callable_string" in frame.f_locals]
    line = traceback.extract_tb(error.__traceback__)[-1].line if frames else ""
    return name + (f" in {built[-1]}" if built else "") + (f", at: {line}" if line else "")
