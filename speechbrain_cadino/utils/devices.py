"""Whether a device can be used here."""

from __future__ import annotations

import torch

from speechbrain_cadino.utils.errors import UserError


def check_device(device: str | torch.device | None) -> None:
    """Refuse a device that PyTorch does not know, that is not there, or that holds no numbers.

    Arguments
    ---------
    device : str, torch.device or None
        None: one is chosen later.

    Raises
    ------
    UserError

    Example
    -------
    >>> check_device("cpu")
    """
    if device is None:
        return
    try:
        if torch.device(device).type == "cuda":  # no memory is taken there yet
            torch.cuda.get_device_properties(device)
        else:
            torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError, ValueError, TypeError, ImportError) as error:
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        raise UserError(
            f"The device {device} cannot be used here, PyTorch finds {count or 'no'} GPU{'' if count == 1 else 's'}: "
            "give another one, such as cpu, or install the driver and a PyTorch for it."
        ) from error
