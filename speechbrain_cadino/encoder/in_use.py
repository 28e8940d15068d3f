"""What every trained encoder in use is, whatever it embeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from speechbrain_cadino.utils.errors import UserError


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

    def _apply(self, fn: Callable, recurse: bool = True) -> EncoderInUse:
        """What ``to``, ``cuda`` and ``half`` do to every tensor; a `UserError` for another type of numbers."""
        if fn(torch.zeros(1)).dtype != torch.float32:
            raise UserError("Embeddings are computed in float32, whatever the input's type: move the encoder alone.")
        return super()._apply(fn, recurse)


def device_of(run_opts: Mapping[str, Any] | None, **others: tuple) -> str:
    """The device that SpeechBrain's ``run_opts`` name, "cpu" by default, once no further wish is left.

    Arguments
    ---------
    run_opts : dict, optional
        Only ``device`` is known.
    **others : tuple
        Further arguments of SpeechBrain's ``from_hparams``, each as its value and the only one that is done here.

    Raises
    ------
    UserError
        Which names what would be ignored otherwise.

    Example
    -------
    >>> device_of({"device": "cuda:1"}, freeze_params=(True, True)), device_of(None)
    ('cuda:1', 'cpu')
    """
    wishes = [f"run_opts {name!r}" for name in (run_opts or {}) if name != "device"]
    wishes += [f"{name}={value!r}" for name, (value, done) in others.items() if value != done]
    if wishes:
        raise UserError(
            f"from_hparams was given {', '.join(wishes)}, which this class does not do, since it reads the encoder's "
            "settings and weights as plain data: leave it out, or take SpeechBrain's EncoderClassifier."
        )
    return (run_opts or {}).get("device") or "cpu"


def path_texts(paths: str | Path | Sequence[str | Path]) -> list[str]:
    """Paths, or a single one, as a list of str.

    Example
    -------
    >>> path_texts("a.wav"), path_texts([Path("a.wav"), "b.wav"])
    (['a.wav'], ['a.wav', 'b.wav'])
    """
    return [str(path) for path in ([paths] if isinstance(paths, (str, Path)) else paths)]
