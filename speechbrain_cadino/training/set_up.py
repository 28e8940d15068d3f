"""What goes wrong when a Brain is set up, in one sentence."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from speechbrain_cadino.utils.devices import check_device
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.faults import fault_line


@contextmanager
def set_up_errors(run_opts: Mapping[str, Any] | None) -> Iterator[None]:
    """Turn the errors of SpeechBrain's `Brain`, such as a device that is not there, into a `UserError`."""
    try:
        yield
    except (ValueError, TypeError, RuntimeError, AssertionError, AttributeError, ImportError) as error:
        check_device((run_opts or {}).get("device"))
        reason = (str(error).strip().splitlines() or [fault_line(error)])[0].rstrip(".")
        raise UserError(f"Training cannot be set up ({reason}): correct the settings or the --options.") from error


def make_brain(brain_class: Callable, **given: Any) -> Any:
    """A Brain of the class with what is given; a `UserError` if that is not all it needs.

    One of another stage lacks what only that stage's ``run`` gives.

    Example
    -------
    >>> make_brain(dict, a=1)
    {'a': 1}
    """
    try:
        inspect.signature(brain_class).bind(**given)
    except ValueError:  # a class that does not tell what it takes
        pass
    except TypeError as error:
        raise UserError(f"brain_class cannot be used here ({error}): set the run that goes with it.") from error
    return brain_class(**given)
