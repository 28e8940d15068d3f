"""The arguments that a live encoder was built with, read back from its modules, so that no number is written twice."""

from __future__ import annotations

from collections.abc import Mapping

from speechbrain.lobes.features import Fbank
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN
from speechbrain.lobes.models.ResNet import ResNet
from speechbrain.lobes.models.Xvector import Xvector
from speechbrain.processing.features import InputNormalization
from torch import nn

from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.encoder.networks import known_networks
from speechbrain_cadino.utils.errors import UserError


def encoder_settings(net: SpeakerEncoderNet) -> dict:
    """Give, for each module of an encoder, the keyword arguments that build another one like it.

    Arguments
    ---------
    net : speechbrain_cadino.encoder.model.SpeakerEncoderNet
        An encoder of SpeechBrain's `Fbank` and `InputNormalization`, and of its `ECAPA_TDNN`, `ResNet` or `Xvector`; or
        of classes derived from them; or of modules that say it by an attribute ``settings``, a dict. One that has
        such an attribute itself is taken at its word.

    Returns
    -------
    dict
        ``compute_features``, ``mean_var_norm`` and ``embedding_model``: each a dict of plain values. Only the
        ``activation`` is a class.

    Raises
    ------
    UserError
        If a module is of another class.
    """
    said = getattr(net, "settings", None)
    return dict(said) if isinstance(said, Mapping) else {n: _module_settings(n, getattr(net, n)) for n in KNOWN}


def front_end(net: SpeakerEncoderNet) -> dict:
    """Of `encoder_settings`, what decides the features; empty where a module is of another class."""
    try:
        return {name: values for name, values in encoder_settings(net).items() if name != "embedding_model"}
    except (UserError, AttributeError):
        return {}


def _module_settings(name, module):
    for kind, read in KNOWN[name].items():
        if isinstance(module, kind):
            return read(module)
    said = getattr(module, "settings", None)
    if isinstance(module, nn.Module) and isinstance(said, Mapping):
        return dict(said)
    names = known_networks() if name == "embedding_model" else next(iter(KNOWN[name])).__name__
    raise UserError(
        f"The encoder's {name} is a {type(module).__name__}, which is not known here: build it from SpeechBrain's "
        f"{names} in the YAML, or give its class an attribute settings, a dict of its arguments."
    )


def _fbank(fbank):
    stft, bands = fbank.compute_STFT, fbank.compute_fbanks
    return {
        "deltas": fbank.deltas,
        "context": fbank.context,
        "sample_rate": stft.sample_rate,
        "f_min": bands.f_min,
        "f_max": bands.f_max,
        "n_fft": stft.n_fft,
        "n_mels": bands.n_mels,
        "filter_shape": bands.filter_shape,
        "left_frames": fbank.context_window.left_frames,
        "right_frames": fbank.context_window.right_frames,
        "win_length": stft.win_length * 1000 / stft.sample_rate,  # samples to milliseconds, as Fbank takes it
        "hop_length": stft.hop_length * 1000 / stft.sample_rate,
    }


def _normalisation(norm):
    return {"norm_type": norm.norm_type, "std_norm": norm.std_norm}


def _ecapa(ecapa):
    first, *middle, last = [*ecapa.blocks, ecapa.mfa]
    res2net = [block.res2net_block for block in middle]
    branches = [block.blocks[0].conv if len(block.blocks) else first.conv for block in res2net]  # scale 1 has no branch
    convolutions = [first.conv, *branches, last.conv]
    return {
        "input_size": first.conv.in_channels,
        "lin_neurons": ecapa.fc.conv.out_channels,
        "activation": type(first.activation),
        "channels": list(ecapa.channels),
        "kernel_sizes": [conv.kernel_size for conv in convolutions],
        "dilations": [conv.dilation for conv in convolutions],
        "attention_channels": ecapa.asp.tdnn.conv.conv.out_channels,
        "res2net_scale": res2net[0].scale,
        "se_channels": middle[0].se_block.conv1.conv.out_channels,
        "global_context": ecapa.asp.global_context,
        "groups": [block.conv.conv.groups for block in (first, *(block.tdnn1 for block in middle), last)],
        "dropout": first.dropout.p,
    }


def _resnet(resnet):
    layers = [resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4]
    strides, channels = [layer[0].stride for layer in layers], [layer[0].conv1.out_channels for layer in layers]
    bands = resnet.norm_stats.num_features // (2 * channels[-1])  # that the strides leave of the input's
    for stride in strides:
        bands *= stride
    return {
        "input_size": bands,  # or up to a product of the strides less, which gives the same network
        "activation": type(resnet.activation1),
        "channels": channels,
        "block_sizes": [len(layer) for layer in layers],
        "strides": strides,
        "lin_neurons": resnet.fc_embed.out_features,
    }


def _xvector(xvector):
    *tdnn, _, last = xvector.blocks  # without the pooling
    convolutions = tdnn[::3]
    return {
        "activation": type(tdnn[1]),
        "tdnn_blocks": len(convolutions),
        "tdnn_channels": [block.conv.out_channels for block in convolutions],
        "tdnn_kernel_sizes": [block.kernel_size for block in convolutions],
        "tdnn_dilations": [block.dilation for block in convolutions],
        "lin_neurons": last.w.out_features,
        "in_channels": convolutions[0].conv.in_channels,
    }


# Name of a module of an encoder -> the classes that are known, each with what reads its arguments.
KNOWN = {
    "compute_features": {Fbank: _fbank},
    "mean_var_norm": {InputNormalization: _normalisation},
    "embedding_model": {ECAPA_TDNN: _ecapa, ResNet: _resnet, Xvector: _xvector},
}
