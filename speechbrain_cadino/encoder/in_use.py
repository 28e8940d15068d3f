"""What every trained encoder in use is, whatever it embeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch


class EncoderInUse(torch.nn.Module):
    """A trained encoder, in evaluation mode and without gradients.

    Arguments
    ---------
    net : torch.nn.Module
        The encoder, mean subtraction included.
    """

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net = net.eval().requires_grad_(False)

    @property
    def device(self) -> torch.device:
        """Where the encoder computes; ``encoder.to(device)`` moves it."""
        return next(self.net.parameters()).device


def path_texts(paths: str | Path | Sequence[str | Path]) -> list[str]:
    """Paths, or a single one, as a list of str.

    Example
    -------
    >>> path_texts("a.wav"), path_texts([Path("a.wav"), "b.wav"])
    (['a.wav'], ['a.wav', 'b.wav'])
    """
    return [str(path) for path in ([paths] if isinstance(paths, (str, Path)) else paths)]
