import pickle

import numpy as np
import pytest
import soundfile

from speechbrain_cadino.augmentation.noise import NoiseFiles, SimulatedNoise
from speechbrain_cadino.augmentation.parameters import AugmentationSampler
from speechbrain_cadino.augmentation.settings import AugmentationSettings, ChannelSettings
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.crops import CropSpec
from speechbrain_cadino.views.dataset import ATTEMPTS, ViewDataset
from tests.views.conftest import write_corpus

SPEC = CropSpec(n_global=2, global_seconds=0.3, n_local=3, local_seconds=0.2)
NOISE = SimulatedNoise(n_tracks=2, seconds=0.5)


def same(one, two):
    return (
        one.item == two.item
        and one.failure == two.failure
        and all((a == b).all() for a, b in zip(one.crops, two.crops))
        and all(a.keys() == b.keys() for a, b in zip(one.parameters, two.parameters))
        and all((a[name] == b[name]).all() for a, b in zip(one.parameters, two.parameters) for name in a)
    )


def test_every_utterance_gives_all_views_at_their_lengths(manifest):
    dataset = ViewDataset(manifest, SPEC, seed=0)
    assert len(dataset) == len(manifest)
    for item in range(len(manifest)):
        sample = dataset[1, item]
        assert [len(crop) for crop in sample.crops] == [4800] * 2 + [3200] * 3
        assert all(crop.dtype == np.float32 for crop in sample.crops)
        assert sample.item == item and sample.parameters == [{}] * 5 and sample.failure is None


def test_crops_are_pieces_of_the_row(manifest):
    whole = soundfile.read(manifest.wavs[8], dtype="float32")[0][10:]
    for crop in ViewDataset(manifest, SPEC, seed=0)[1, 8].crops:
        possible = np.flatnonzero(whole[: len(whole) - len(crop) + 1] == crop[0])
        assert any((whole[start : start + len(crop)] == crop).all() for start in possible)


@pytest.mark.parametrize("speed_factors", [[1.0], [0.9, 1.0, 1.1]])
def test_a_sample_hangs_on_seed_epoch_and_item_alone(manifest, speed_factors):
    drawer = AugmentationSampler(AugmentationSettings(channel=ChannelSettings()), NOISE)
    options = {"augment": drawer, "speed_factors": speed_factors}
    dataset = ViewDataset(manifest, SPEC, seed=5, **options)
    pairs = [(epoch, item) for epoch in (0, 3) for item in range(len(manifest))]
    first = {pair: dataset[pair] for pair in pairs}
    again = pickle.loads(pickle.dumps(ViewDataset(manifest, SPEC, seed=5, preload=True, **options)))
    assert all(same(first[pair], again[pair]) for pair in reversed(pairs))
    other_seed = ViewDataset(manifest, SPEC, seed=6, **options)
    for item in range(1, len(manifest)):
        assert not same(first[0, item], first[3, item]) and not same(first[0, item], other_seed[0, item])


def test_views_of_an_item_differ_in_place_and_augmentation(manifest):
    sample = ViewDataset(manifest, SPEC, seed=0, augment=AugmentationSampler(AugmentationSettings(0.0, 1.0), NOISE))[
        0, 8
    ]
    assert len({float(crop[0]) for crop in sample.crops}) == 5
    assert len({float(draw["snr_db"]) for draw in sample.parameters}) == 5


def test_no_view_s_draws_hang_on_another_s(manifest):
    def parameters(n_global_numbers):
        def drawer(rng, length):
            return {"number": rng.random(n_global_numbers if length == 4800 else 1)[-1:]}

        return [
            float(draw["number"][0]) for draw in ViewDataset(manifest, SPEC, seed=0, augment=drawer)[0, 8].parameters
        ]

    assert parameters(1)[2:] == parameters(3)[2:] and parameters(1)[0] != parameters(3)[0]


def test_all_views_of_an_item_share_one_speed(tmp_path):
    times = np.arange(40000) / 16000
    soundfile.write(tmp_path / "tone.wav", np.sin(2 * np.pi * 1000 * times) / 2, 16000)
    tone = Manifest(["tone"], [str(tmp_path / "tone.wav")], [0], [40000])
    dataset = ViewDataset(tone, CropSpec(1, 0.5, 2, 0.5), seed=0, speed_factors=[0.9, 1.0, 1.1])
    pitches = [[int(np.abs(np.fft.rfft(crop)).argmax()) * 2 for crop in dataset[epoch, 0].crops] for epoch in range(30)]
    assert all(len(set(views)) == 1 for views in pitches) and {views[0] for views in pitches} == {900, 1000, 1100}


def test_views_come_from_the_utterances_of_the_source(tmp_path):
    levels = [0.1, 0.2, 0.3]
    for i, level in enumerate(levels):
        soundfile.write(tmp_path / f"{i}.wav", np.full(6000, level), 16000, subtype="FLOAT")
    manifest = Manifest(list("abc"), [str(tmp_path / f"{i}.wav") for i in range(3)], [0] * 3, [6000] * 3)

    def neighbours(rng, item, n_global, n_local):
        return (item + np.array([0, 1, 2, 1, 0])[: n_global + n_local]) % 3

    sample = ViewDataset(manifest, SPEC, seed=0, positive_sampler=neighbours)[0, 1]
    assert np.allclose([crop[0] for crop in sample.crops], [0.2, 0.3, 0.1, 0.3, 0.2])
    assert [len(crop) for crop in sample.crops] == SPEC.lengths.tolist() and sample.item == 1


@pytest.mark.parametrize("preload", [False, True])
def test_an_unreadable_utterance_is_replaced_always_by_the_same(damaged, preload):
    dataset = ViewDataset(damaged, SPEC, seed=0, preload=preload)
    plain = ViewDataset(damaged, SPEC, seed=0)
    replacements = set()
    for epoch in range(20):
        for bad in (3, 7):
            sample = dataset[epoch, bad]
            assert sample.item not in (3, 7) and f"{bad}.wav" in sample.failure
            twin = plain[epoch, bad]
            assert sample.item == twin.item and all((a == b).all() for a, b in zip(sample.crops, twin.crops))
            assert not (sample.crops[0] == dataset[epoch, sample.item].crops[0]).all()
            replacements.add(sample.item)
    assert len(replacements) > 5


def test_nothing_readable_is_an_error_that_travels_as_a_value(tmp_path):
    manifest = write_corpus(tmp_path, [100] * 3)
    for i in range(3):
        (tmp_path / f"{i}.wav").unlink()
    error = ViewDataset(manifest, SPEC, seed=0)[0, 0]
    assert isinstance(error, UserError) and f"{ATTEMPTS} audio files in a row" in str(error) and ".wav" in str(error)


def test_an_unreadable_noise_file_costs_the_item_not_the_run(manifest, tmp_path):
    noises = write_corpus(tmp_path, [500] * 4)
    noises.kinds = ["noise"] * 4
    (tmp_path / "2.wav").write_bytes(b"no audio")
    dataset = ViewDataset(manifest, SPEC, 0, AugmentationSampler(AugmentationSettings(0.0, 0.3), NoiseFiles(noises)))
    samples = [dataset[epoch, 5] for epoch in range(30)]
    failed = [sample for sample in samples if sample.failure]
    assert 3 < len(failed) < 30 and all("2.wav" in sample.failure for sample in failed)
    assert all(len(sample.crops) == 5 for sample in samples)


def test_a_wrong_setting_met_in_a_worker_is_a_value_too(manifest):
    drawer = AugmentationSampler(AugmentationSettings(0.0, 1.0, snr_db={}), NOISE)
    assert "snr_db" in str(ViewDataset(manifest, SPEC, 0, drawer)[0, 0])


@pytest.mark.parametrize("bad", [{"speed_factors": []}, {"speed_factors": [0.1]}, {"speed_factors": [1.0, 3.0]}])
def test_settings_that_make_no_sense_are_refused(manifest, bad):
    with pytest.raises(UserError, match="speed_factors"):
        ViewDataset(manifest, SPEC, 0, **bad)


def test_an_empty_manifest_is_refused():
    with pytest.raises(UserError, match="no utterances"):
        ViewDataset(Manifest([], [], [], []), SPEC, 0)
