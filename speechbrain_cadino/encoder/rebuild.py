"""An encoder made again of its folder's plain data, whatever it embeds."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import torch

from speechbrain_cadino.encoder.arguments import build, limited_size, spare
from speechbrain_cadino.encoder.folder import told_if_damaged
from speechbrain_cadino.encoder.older import read_modules, read_pickle, tell_that_it_is_older
from speechbrain_cadino.encoder.safe import DIGESTS, WEIGHTS, check_seal, read_weights


def rebuilt(
    encoder: str,
    folder: Path,
    name: str,
    metadata: dict,
    modules: tuple[str, ...],
    older: tuple[str, str],
    assembled: Callable,
    example: torch.Tensor,
) -> torch.nn.Module:
    """An encoder of a folder's plain data.

    Arguments
    ---------
    encoder : str
        What it is called.
    folder : Path
    name : str
        Of its JSON.
    metadata : dict
        Of `read_metadata`.
    modules : tuple of str
        Names of the modules that it is made of.
    older : tuple of str
        In a folder of an older version: the file of weights, and what stands before their names.
    assembled : callable
        Modules by name -> the encoder.
    example : torch.Tensor
        What it must be able to embed.

    Returns
    -------
    torch.nn.Module
        In evaluation mode.

    Raises
    ------
    UserError
        If the folder is not what was exported, is damaged, or names what no encoder here is built of.
    """
    sealed = check_whole(folder, name, metadata)
    specs = metadata.get("modules") if sealed else read_modules(folder / "hyperparams.yaml", modules)
    with told_if_damaged(encoder, folder):
        if not isinstance(specs, dict) or set(specs) != set(modules):
            raise ValueError(f"{name} does not say of which modules it is made")
        if not all(isinstance(spec, dict) for spec in specs.values()):
            raise ValueError(f"{name} names a module that is no class and arguments")
        file, before = (WEIGHTS, "") if sealed else older
        state = read_weights(folder / file) if sealed else read_pickle(folder / file)
        state = {before + key: tensor for key, tensor in state.items()}
        with limited_size(sum(math.prod(tensor.shape) for tensor in state.values()) + spare(specs)):
            net = assembled({module: build(specs[module]) for module in modules})
        fresh = {} if sealed else {k: v for k, v in net.state_dict().items() if not k.startswith(before)}
        check_kinds(net.state_dict(), fresh | state)
        net.load_state_dict(fresh | state)
        with torch.no_grad():
            shape = tuple(net.eval()(example).shape)  # modules that do not fit each other show here
        if shape != (len(example), metadata["embedding_dim"]):
            raise ValueError(f"its embeddings have the shape {shape}")
    if not sealed:
        tell_that_it_is_older(folder)
    return net


def check_whole(folder: Path, name: str, metadata: dict) -> bool:
    """Whether an encoder's folder has digests, a `UserError` if it is not what they say; arguments as of `rebuilt`."""
    sealed = DIGESTS in metadata or "modules" in metadata or (folder / WEIGHTS).exists()
    if sealed:
        check_seal(metadata, name, folder)
    return sealed


def check_kinds(wanted: dict[str, torch.Tensor], state: dict[str, torch.Tensor]) -> None:
    """Raise a `ValueError` if tensors lack a name, or are of another shape or type than those of a network."""
    if set(wanted) != set(state):
        raise ValueError(f"the weights {sorted(set(wanted) ^ set(state))[:3]} are too many or missing")
    for name, tensor in wanted.items():
        if (tensor.shape, tensor.dtype) != (state[name].shape, state[name].dtype):
            raise ValueError(f"{name} has the shape {tuple(state[name].shape)}, not {tuple(tensor.shape)}")
