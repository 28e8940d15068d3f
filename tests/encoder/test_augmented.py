"""Embeddings of augmented excerpts: whose they are, and that nothing but seed and row decides them."""

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_cadino.augmentation.augmenter import ViewAugmenter
from speechbrain_cadino.augmentation.parameters import AugmentationSampler
from speechbrain_cadino.augmentation.settings import AugmentationSettings, ChannelSettings
from speechbrain_cadino.corpus.audio import read_audio
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.encoder.augmented import LONGEST, SHORTEST, embed_augmented, excerpt_lengths
from tests.encoder.conftest import tiny_encoder

LENGTHS = np.array([4000, 8000, 4000, 12000, 8000])


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("excerpts"), np.random.default_rng(0)
    paths = [str(folder / f"{item}.wav") for item in range(5)]
    for path in paths:
        soundfile.write(path, 0.1 * rng.standard_normal(8000), 16000)
    return Manifest(range(5), paths, [0] * 5, [8000] * 5)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return tiny_encoder().train()


def sampler():
    channel = ChannelSettings(channel_prob=1.0, eq_db=10.0)
    return AugmentationSampler(AugmentationSettings(rir_prob=0, noise_prob=0, channel=channel))


def test_without_augmentation_they_are_excerpts(net, manifest):
    found = embed_augmented(net, manifest, LENGTHS, None, ViewAugmenter())
    assert net.training  # as before
    net.eval()
    for row, length in enumerate(LENGTHS.tolist()):
        wave = read_audio(manifest.wavs[row])
        start = int(np.random.default_rng([0, row, 1]).integers(8000 - length + 1 if length <= 8000 else 8000))
        excerpt = np.take(wave, np.arange(start, start + length), mode="wrap")
        with torch.no_grad():
            wanted = net(torch.from_numpy(excerpt)[None])[0].numpy()
        np.testing.assert_allclose(found[row], wanted, rtol=1e-4, atol=1e-4)
    net.train()


def test_seed_and_row_decide(net, manifest):
    draw = [embed_augmented(net, manifest, LENGTHS, sampler(), ViewAugmenter(), seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(draw[0], draw[1])
    assert (np.abs(draw[0] - draw[2]).max(axis=1) > 1e-3).all()
    plain = embed_augmented(net, manifest, LENGTHS, None, ViewAugmenter())
    assert (np.abs(draw[0] - plain).max(axis=1) > 1e-3).all()
    alone = embed_augmented(net, manifest.subset([0, 1]), LENGTHS[:2], sampler(), ViewAugmenter())
    np.testing.assert_allclose(alone, draw[0][:2], rtol=1e-4, atol=1e-5)


def test_what_cannot_be_read_is_nan(net, manifest):
    wavs = [*manifest.wavs[:4], manifest.wavs[4] + ".gone"]
    found = embed_augmented(net, Manifest(range(5), wavs, [0] * 5, [8000] * 5), np.full(5, 4000), None, ViewAugmenter())
    assert np.isnan(found).all(axis=1).tolist() == [False] * 4 + [True]


def test_excerpts_fit_and_vary():
    totals = np.array([8000, 24000, 80000, 10**7]).repeat(2000)
    lengths = excerpt_lengths(totals, seed=0)
    assert (lengths[:4000] == SHORTEST * 16000).all()
    assert (lengths <= np.maximum(totals, SHORTEST * 16000)).all() and lengths.max() <= LONGEST * 16000
    values, counts = np.unique(lengths[4000:6000], return_counts=True)
    assert len(values) == 6 and counts.min() > 0.7 * counts.max() and values.max() > 0.8 * 80000 / 1.25
    np.testing.assert_array_equal(lengths, excerpt_lengths(totals, seed=0))
    assert (lengths != excerpt_lengths(totals, seed=1)).any()
