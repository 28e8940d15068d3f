"""What an exported HyperPyYAML says so that plain SpeechBrain hears and decides as this package does."""

from __future__ import annotations

import numpy as np

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.encoder.folder import yaml_value

RATES = (8000, 11025, 12000, 22050, 24000, 32000, 44100, 48000, 96000)  # Hz, of files
# Of torchaudio's filter, for the edge that soxr's has: with torchaudio's default, whose edge is soft, what lies under
# 4 kHz in an 8 kHz file is mirrored above it, and its embedding has a cosine of 0.93 to the one here; so, 0.9996.
FILTER = {"lowpass_filter_width": 64, "rolloff": 0.95}

THRESHOLD = """\
# SpeechBrain's verify_files compares with 0.25 and takes no threshold. So it decides by this encoder's own:
#     verifier = SpeakerRecognition.from_hparams(source=THIS_FOLDER)
#     verifier.verify_batch = functools.partial(verifier.verify_batch, threshold=verifier.hparams.threshold)
#     score, same = verifier.verify_files("a.wav", "b.wav")
# The number below is just under that of encoder.json, since SpeechBrain asks whether a score is above it.
"""
RESAMPLING = f"""\
# Files of other rates than {SAMPLE_RATE} Hz, by a filter as steep as the one that the encoder was trained with.
audio_normalizer: !new:speechbrain.dataio.preprocess.AudioNormalizer
resamplers:
"""
SET = "resamplers_are_set: !apply:builtins.setattr [!ref <audio_normalizer>, _cached_resamplers, !ref <resamplers>]\n"


def hearing() -> str:
    """The lines that give plain SpeechBrain's ``load_audio`` the filter for files of the usual rates."""
    lines = [RESAMPLING]
    for rate in RATES:
        lines.append(f"    {rate}: !new:speechbrain.augment.time_domain.Resample\n")
        arguments = {"orig_freq": rate, "new_freq": SAMPLE_RATE, **FILTER}
        lines += [f"        {name}: {value}\n" for name, value in arguments.items()]
    return "".join([*lines, SET])


def deciding(threshold: float | None) -> str:
    """The lines with the threshold for plain SpeechBrain; none without one."""
    if threshold is None:
        return ""
    return f"{THRESHOLD}threshold: {yaml_value(float(just_below(threshold)))}\n"


def just_below(threshold: float) -> np.float32:
    """The largest float32 under a threshold: a float32 score is above it where it reaches the threshold, else not.

    Example
    -------
    >>> below = just_below(0.25)
    >>> bool(below < np.float32(0.25)), bool(np.nextafter(below, np.float32(1)) == np.float32(0.25))
    (True, True)
    """
    nearest = np.float32(threshold)
    return nearest if float(nearest) < threshold else np.nextafter(nearest, np.float32(-np.inf))
