"""Weights of self-supervised networks from local files: torchaudio's, and the folders of transformers, without it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch

from speechbrain_cadino.utils.errors import UserError

KINDS = ("wav2vec2", "hubert", "wavlm")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
# Parts of the training of such a network that its features do without.
LEFT_OUT = re.compile(
    r"masked_spec_embed|lm_head\.|quantizer\.|project_q\.|project_hid\.|aux\.|mask_generator\.|logit_"
)


def read_weights(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any] | None]:
    """The weights of a torchaudio `Wav2Vec2Model`, and its architecture if it is told. No code in the files is run.

    Arguments
    ---------
    path : str or Path
        A file that ``torch.save(model.state_dict())`` wrote, such as those that `torchaudio.pipelines` downloads, or
        the same as safetensors; or a folder of transformers' `Wav2Vec2Model`, `HubertModel` or `WavLMModel`.

    Returns
    -------
    state : dict of str to torch.Tensor
    architecture : dict or None
        As for `build_network`; of a folder alone.

    Raises
    ------
    UserError
        If it cannot be read, or is of another kind.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"The weights {path} do not exist: give a file of torchaudio's or a folder of transformers.")
    if path.is_dir():
        return _of_folder(path)
    return {_without_prefix(name): tensor for name, tensor in _read(path).items() if not LEFT_OUT.search(name)}, None


def _of_folder(folder):
    """Of transformers: its names of the parameters become torchaudio's."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = config["model_type"]
        architecture = _architecture(config) if kind in KINDS else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"The weights {folder} are no folder of transformers (config.json: {error}): give one of a wav2vec 2.0, "
            "HuBERT or WavLM, or a file of torchaudio's weights."
        ) from error
    if architecture is None:
        raise UserError(f"The weights {folder} are of a {kind}: give those of one of {', '.join(KINDS)}.")
    file = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if file is None:
        raise UserError(f"The folder {folder} has none of {', '.join(WEIGHTS)}: give one with the weights in one file.")
    state = {}
    for name, tensor in _read(file).items():
        if not LEFT_OUT.search(name):
            name = re.sub(r"^encoder\.", "encoder.transformer.", _without_prefix(name))
            state[re.sub(r"^feature_projection\.", "encoder.feature_projection.", name)] = tensor
    return (_joined_projections(state) if kind == "wavlm" else state), architecture


def _architecture(config):
    """The arguments of torchaudio's functions that a ``config.json`` says."""
    found = {
        "extractor_mode": f"{config['feat_extract_norm']}_norm",
        "extractor_conv_layer_config": [
            list(layer) for layer in zip(config["conv_dim"], config["conv_kernel"], config["conv_stride"])
        ],
        "extractor_conv_bias": config["conv_bias"],
        "encoder_embed_dim": config["hidden_size"],
        "encoder_pos_conv_kernel": config["num_conv_pos_embeddings"],
        "encoder_pos_conv_groups": config["num_conv_pos_embedding_groups"],
        "encoder_num_layers": config["num_hidden_layers"],
        "encoder_num_heads": config["num_attention_heads"],
        "encoder_ff_interm_features": config["intermediate_size"],
        "encoder_layer_norm_first": config["do_stable_layer_norm"],
    }
    if config["model_type"] == "wavlm":
        found |= {"encoder_num_buckets": config["num_buckets"], "encoder_max_distance": config["max_bucket_distance"]}
    return found


def _joined_projections(state):
    """WavLM's layers with query, key and value in one, as torchaudio has them."""
    joined = dict(state)
    for name in state:
        match = re.match(r"(.*\.attention)\.q_proj\.(weight|bias)$", name)
        if match:
            layer, kind = match.groups()
            parts = [joined.pop(f"{layer}.{letter}_proj.{kind}") for letter in "qkv"]
            joined[f"{layer}.attention.in_proj_{kind}"] = torch.cat(parts)
            joined[f"{layer}.attention.out_proj.{kind}"] = joined.pop(f"{layer}.out_proj.{kind}")
    return joined


def _read(file):
    """A dict of tensors."""
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(str(file))
        else:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged file makes
        reason = str(error).strip().split("\n")[0].rstrip(".:")
        raise UserError(f"The weights {file} cannot be read ({reason}): give a file of tensors alone.") from error
    if not isinstance(state, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise UserError(
            f"The weights {file} are no state dict of tensors (of fairseq's checkpoints, take those that torchaudio or "
            "transformers have made): give one."
        )
    return state


def _without_prefix(name):
    """Networks with a head have the network itself below its name."""
    return re.sub(rf"^({'|'.join(KINDS)})\.", "", name)
