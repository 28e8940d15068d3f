"""Plain SpeechBrain hears and decides as this package does, with what the exported folder says."""

import functools
from itertools import combinations

import numpy as np
import pytest
import soundfile
import soxr
import torch
import yaml
from speechbrain.dataio.preprocess import AudioNormalizer
from speechbrain.inference.speaker import SpeakerRecognition

from speechbrain_cadino.corpus.audio import read_audio
from speechbrain_cadino.encoder.export import export_encoder
from speechbrain_cadino.encoder.plain import RATES, deciding
from speechbrain_cadino.inference import SpeakerEncoder
from tests.encoder.conftest import tiny_encoder


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return tiny_encoder()


def coloured(rng, seconds):
    """Noise with the fall of speech's spectrum, at 16 kHz."""
    noise = rng.standard_normal(int(16000 * seconds))
    for index in range(1, len(noise)):
        noise[index] += 0.8 * noise[index - 1]
    return (0.3 * noise / np.abs(noise).max()).astype(np.float32)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Eight recordings whose embeddings differ, at 16 and 8 kHz."""
    folder, rng = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    for number in range(8):
        wave = coloured(rng, 2.1) * np.sin(np.arange(33600) / (300 * (number + 1)))
        wave = np.convolve(wave, rng.standard_normal(6), "same")
        rate = 8000 if number % 4 == 3 else 16000
        wave = soxr.resample(wave, 16000, rate, quality="VHQ")
        soundfile.write(folder / f"{number}.wav", 0.3 * wave / np.abs(wave).max(), rate)
    return [str(folder / f"{number}.wav") for number in range(8)]


def plain(folder):
    """As the folder's own comment says."""
    verifier = SpeakerRecognition.from_hparams(source=str(folder))
    verifier.verify_batch = functools.partial(verifier.verify_batch, threshold=verifier.hparams.threshold)
    return verifier


def test_verify_files_decides_the_same_near_the_threshold(net, files, tmp_path):
    pairs = list(combinations(range(len(files)), 2))
    folder = export_encoder(net, tmp_path / "first", threshold=0.3)
    ours, theirs = SpeakerEncoder.from_folder(folder), plain(folder)
    scores = np.array([ours.verify_files(files[a], files[b])[0] for a, b in pairs])
    assert np.ptp(scores) > 0.1
    for place, shift in ((0.25, 1e-4), (0.5, -1e-4), (0.75, 1e-4)):
        threshold = float(np.quantile(scores, place, method="nearest")) + shift
        folder = export_encoder(net, tmp_path / f"{place}", threshold=threshold)
        ours, theirs = SpeakerEncoder.from_folder(folder), plain(folder)
        decided = 0
        for a, b in pairs:
            (score, same), (score_2, same_2) = (road.verify_files(files[a], files[b]) for road in (ours, theirs))
            assert float(score_2) == pytest.approx(score, abs=1e-5 if a % 4 != 3 and b % 4 != 3 else 2e-2)
            both_16k = a % 4 != 3 and b % 4 != 3
            if abs(score - threshold) > (1e-5 if both_16k else 2e-2):
                assert bool(same_2) is same, (score, threshold)
                decided += same
        assert 0 < decided < len(pairs)


@pytest.mark.parametrize("threshold", [0.31, 0.25, -0.1, 0.5000001, 0.0, 1.0, 0.43817809224128723])
def test_a_score_above_the_stored_number_reaches_the_threshold(threshold):
    nearest = np.float32(threshold)
    scores = [np.nextafter(nearest, np.float32(way)) for way in (-2, 2)] + [nearest]
    below = yaml.safe_load(deciding(threshold))["threshold"]
    for score in scores:
        found = bool(torch.tensor(score) > below)
        assert found is (float(score) >= threshold)


def test_without_a_threshold_none_is_written(net, tmp_path):
    folder = export_encoder(net, tmp_path / "encoder")
    assert "threshold:" not in (folder / "hyperparams.yaml").read_text().replace("#", "")
    assert not hasattr(SpeakerRecognition.from_hparams(source=str(folder)).hparams, "threshold")


def test_files_of_all_usual_rates_have_the_embedding_that_they_have_here(net, tmp_path):
    folder = export_encoder(net, tmp_path / "encoder")
    ours, theirs = SpeakerEncoder.from_folder(folder), SpeakerRecognition.from_hparams(source=str(folder))
    wave = coloured(np.random.default_rng(1), 2.5)
    for rate in RATES:
        path = tmp_path / f"{rate}.wav"
        channels = np.stack([soxr.resample(wave, 16000, rate, quality="VHQ")] * (1 + rate % 3), axis=1)
        soundfile.write(path, channels, rate)
        here, there = read_audio(path), theirs.load_audio(str(path))
        first, second = ours.encode_files(path)[0], theirs.encode_batch(there[None])[0, 0]
        assert torch.cosine_similarity(first, second, dim=0) > 1 - 1e-3
        softer = AudioNormalizer()(*[torch.from_numpy(channels).float(), rate])
        size = min(len(here), len(there))
        errors = [float((torch.from_numpy(here[:size]) - other[:size]).norm()) for other in (there, softer)]
        assert errors[0] < 0.02 * np.linalg.norm(here) and errors[0] < errors[1], rate
