"""What goes wrong when a Brain is set up, in one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.faults import fault_line


@contextmanager
def set_up_errors(run_opts: Mapping[str, Any] | None) -> Iterator[None]:
    """Turn the errors of SpeechBrain's `Brain`, such as a device that is not there, into a `UserError`."""
    try:
        yield
    except (ValueError, TypeError, RuntimeError, AssertionError) as error:
        device = str((run_opts or {}).get("device", ""))
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise UserError(
                f"The device is {device} and PyTorch finds no GPU here: give --device cpu, or install the driver "
                "and a PyTorch for it."
            ) from error
        reason = (str(error).strip().splitlines() or [fault_line(error)])[0].rstrip(".")
        raise UserError(f"Training cannot be set up ({reason}): correct the settings or the --options.") from error
