"""The encoder in use, against the trained encoder called on each whole wave alone."""

import json
import os
import shutil

import numpy as np
import pytest
import soxr
import torch
from speechbrain.inference.classifiers import EncoderClassifier

from speechbrain_cadino.corpus.audio import read_audio
from speechbrain_cadino.encoder.safe import sealed
from speechbrain_cadino.inference import SpeakerEncoder
from speechbrain_cadino.utils.errors import UserError

NAMES = ["a.wav", "b.flac", "c.ogg", "d.wav", "e.opus", "f.wav"]


@pytest.fixture(scope="module")
def encoder(folder):
    return SpeakerEncoder.from_folder(folder)


@pytest.fixture
def alone(net, mean):
    """Give a function: the trained encoder on one wave, mean subtracted."""
    return lambda wave: net(torch.as_tensor(wave, dtype=torch.float32)[None])[0].detach().numpy() - mean


def close(found, wanted):
    np.testing.assert_allclose(found, np.stack(wanted), rtol=1e-4, atol=1e-5)


def test_files_of_any_rate_and_format(encoder, alone, data):
    embeddings = encoder.encode_files([data / name for name in NAMES])
    assert embeddings.dtype == torch.float32 and embeddings.shape == (6, 12)
    close(embeddings, [alone(read_audio(data / name)) for name in NAMES])
    close(encoder.encode_files(str(data / "b.flac")), [alone(read_audio(data / "b.flac"))])
    assert encoder.encode_files([]).shape == (0, 12)


@pytest.mark.parametrize("kind", [torch.from_numpy, np.asarray, list])
def test_waves_of_different_lengths(encoder, alone, kind):
    rng = np.random.default_rng(0)
    waves = [rng.standard_normal(length).astype(np.float32) for length in (8000, 1600, 30000, 8001, 8000)]
    close(encoder.encode_waves([kind(wave) for wave in waves]), [alone(wave) for wave in waves])


def test_waves_of_another_rate(encoder, alone):
    wave = np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    close(encoder.encode_waves([wave], sample_rate=8000), [alone(soxr.resample(wave, 8000, 16000))])
    with pytest.raises(UserError, match="sample_rate is 0"):
        encoder.encode_waves([wave], sample_rate=0)


def test_padded_batch(encoder, alone):
    lengths = [16000, 8000, 12000, 5333]
    waves = torch.randn(4, 16000)
    wanted = [alone(wave[:length]) for wave, length in zip(waves, lengths)]
    found = encoder.encode_batch(waves, torch.tensor(lengths) / 16000)
    assert found.shape == (4, 1, 12)
    close(found[:, 0], wanted)
    close(encoder.encode_batch(waves)[:, 0], [alone(wave) for wave in waves])
    close(encoder.encode_batch(waves[0])[:, 0], [alone(waves[0])])
    with pytest.raises(UserError, match="There are 2 wav_lens for 4 waves"):
        encoder.encode_batch(waves, torch.ones(2))


def test_equals_plain_speechbrain_on_whole_waves(encoder, folder):
    waves = torch.randn(3, 9000)
    plain = EncoderClassifier.from_hparams(source=str(folder)).encode_batch(waves)
    torch.testing.assert_close(encoder.encode_batch(waves), plain, rtol=1e-5, atol=1e-5)


def test_long_files_and_small_batches(folder, alone, data):
    wave = read_audio(data / "f.wav")
    encoder = SpeakerEncoder.from_folder(folder, max_seconds=1.5, batch_seconds=2.0)
    halves = (alone(wave[: len(wave) // 2]) + alone(wave[len(wave) // 2 :])) / 2
    close(encoder.encode_files([data / "f.wav"]), [halves])
    close(encoder.encode_waves([wave]), [halves])
    assert encoder.batch_seconds == 2.0


def test_verify_files(encoder, alone, data):
    first, second = alone(read_audio(data / "a.wav")), alone(read_audio(data / "b.flac"))
    cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    score, same = encoder.verify_files(data / "a.wav", data / "b.flac")
    assert score == pytest.approx(cosine, abs=1e-5) and same is bool(cosine >= 0.4)
    assert encoder.verify_files(data / "a.wav", data / "b.flac", threshold=score)[1] is True
    assert encoder.verify_files(data / "a.wav", data / "b.flac", threshold=score + 1e-6)[1] is False
    assert encoder.verify_files(data / "a.wav", data / "a.wav")[1] is True
    with pytest.raises(UserError, match="without a threshold"):
        SpeakerEncoder(encoder.net).verify_files(data / "a.wav", data / "a.wav")
    for threshold in ("high", [0.3], np.array([0.1, 0.2]), 2, np.nan):
        with pytest.raises(UserError, match="threshold is .*: scores are cosines"):
            encoder.verify_files(data / "a.wav", data / "a.wav", threshold)
    assert encoder.verify_files(data / "a.wav", data / "a.wav", np.float32(0.3))[1] is True


@pytest.mark.parametrize(
    "name, reason",
    [
        ("absent.wav", "cannot be opened"),
        ("empty.wav", "the file is empty"),
        ("text.wav", "not readable as audio"),
        ("silent.wav", "is silent"),
        ("short.wav", "is 0.05 s long"),
    ],
)
def test_bad_files_are_one_sentence(encoder, data, name, reason):
    with pytest.raises(UserError, match=f"{name} .*{reason}"):
        encoder.encode_files([data / "a.wav", data / name])


@pytest.mark.parametrize(
    "wave, reason",
    [([], "0 s long"), ([0.0] * 8000, "silent"), ([[1.0] * 8000], "shape"), ([float("inf")] * 8000, "finite")],
)
@pytest.mark.parametrize("sample_rate", [8000, 16000])
def test_bad_waves_are_one_sentence(encoder, wave, reason, sample_rate):
    good = np.random.default_rng(0).standard_normal(8000)
    with pytest.raises(UserError, match=f"^Wave 1 .*{reason}"):
        encoder.encode_waves([good, np.array(wave)], sample_rate)


def test_metadata_and_both_ways_to_load(folder, encoder, tmp_path):
    other = SpeakerEncoder.from_hparams(source=str(folder), run_opts={"device": "cpu"})
    waves = torch.randn(1, 8000)
    torch.testing.assert_close(other.encode_batch(waves), encoder.encode_batch(waves))
    assert encoder.threshold == 0.4 and encoder.metadata["embedding_dim"] == 12 and encoder.device.type == "cpu"
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    moved = shutil.copytree(folder, tmp_path / "moved to here")
    torch.testing.assert_close(SpeakerEncoder.from_folder(moved).encode_batch(waves), encoder.encode_batch(waves))


def test_foreign_folders_are_one_sentence(folder, tmp_path):
    def damaged(name, content):
        copy = shutil.copytree(folder, tmp_path / f"damaged {name}")
        (copy / name).unlink() if content is None else (copy / name).write_bytes(content)
        return copy

    no_dim = damaged("encoder.json", json.dumps({"threshold": None}).encode())
    (tmp_path / "empty").mkdir()
    for source in (tmp_path / "empty", no_dim, damaged("hyperparams.yaml", None)):
        with pytest.raises(UserError, match="holds no encoder of ours"):
            SpeakerEncoder.from_folder(source)
    for name, content in (("embedding_model.ckpt", None), ("mean_var_norm_emb.ckpt", b"no")):
        with pytest.raises(UserError, match="cannot be loaded .*export it again") as caught:
            SpeakerEncoder.from_folder(damaged(name, content))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change, said",
    [
        (dict(embedding_dim="12"), "embedding_dim is '12'"),
        (dict(embedding_dim=None), "embedding_dim is None"),
        (dict(threshold="0.3"), "threshold is '0.3'"),
        (dict(threshold=[0.3]), "threshold is"),
        (dict(threshold=True), "threshold is True"),
        (dict(calibration=3), "calibration is 3"),
        (dict(calibration="x"), "calibration is 'x'"),
        (dict(info=[]), "info is"),
        (None, "it holds no mapping"),
    ],
)
def test_metadata_of_other_types_is_one_sentence(folder, tmp_path, change, said):
    copy = shutil.copytree(folder, tmp_path / "copy")
    metadata = json.loads((copy / "encoder.json").read_text())
    (copy / "encoder.json").write_text(json.dumps([1] if change is None else metadata | change))
    with pytest.raises(UserError, match=f"copy holds no encoder of ours .encoder.json: {said}"):
        SpeakerEncoder.from_folder(copy)


def seal(metadata, folder):
    """Write another ``encoder.json`` with the digests that belong to it."""
    files = [path.name for path in folder.iterdir() if path.name != "encoder.json"]
    (folder / "encoder.json").write_text(json.dumps(sealed(metadata, "encoder.json", folder, files)))


def test_an_encoder_of_before_the_calibration_has_none_and_a_damaged_one_is_told(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    metadata = json.loads((copy / "encoder.json").read_text())
    metadata.pop("calibration", None)
    seal(metadata, copy)
    with pytest.raises(UserError, match="without a calibration"):
        SpeakerEncoder.from_folder(copy).probability(0.3, 1.0, 1.0)
    seal(metadata | {"calibration": {"offset": 0.0, "score": 9.0}}, copy)
    with pytest.raises(UserError, match="score is 5: scores are cosines"):
        SpeakerEncoder.from_folder(copy).probability(5, 1.0, 1.0)
    for several in (([0.1, 0.2], 1.0, 1.0), (np.array([0.1]), 1.0, 1.0), (0.1, torch.tensor([1.0, 2.0]), 1.0)):
        with pytest.raises(UserError, match="one pair of utterances at a time"):
            SpeakerEncoder.from_folder(copy).probability(*several)
    for values in ({"offset": "a", "score": 1.0}, {"score": 1.0}, {"offset": 0.0, "score": 1.0, "other": 2}):
        seal(metadata | {"calibration": values}, copy)
        with pytest.raises(UserError, match="is none: export the encoder again"):
            SpeakerEncoder.from_folder(copy).probability(0.3, 1.0, 1.0)


def test_a_folder_near_the_encoder_is_told_which_was_meant(folder, tmp_path):
    run, stage_2 = tmp_path / "run", tmp_path / "stage 2"
    shutil.copytree(folder, run / "encoder")
    for number in (1, 2):
        shutil.copytree(folder, stage_2 / f"iteration_{number}" / "encoder")
        os.utime(stage_2 / f"iteration_{number}" / "encoder" / "encoder.json", (number, number))
    meant = {
        run: run / "encoder",
        stage_2: stage_2 / "iteration_2" / "encoder",
        run / "encoder" / "encoder.json": run / "encoder",
    }
    for source, target in meant.items():
        with pytest.raises(UserError, match=f"did you mean {target}.$"):
            SpeakerEncoder.from_folder(source)
        SpeakerEncoder.from_folder(target)
    with pytest.raises(UserError, match="absent does not exist: give the folder of an encoder"):
        SpeakerEncoder.from_folder(tmp_path / "absent")


@pytest.mark.parametrize("device", ["cuda:99", "abacus"])
def test_absent_device_is_one_sentence(folder, device):
    with pytest.raises(UserError, match=f"The device {device} cannot be used here"):
        SpeakerEncoder.from_folder(folder, device=device)


@pytest.mark.parametrize("kind, full", [("uint8", 127), ("int8", 127), ("int16", 32767), ("int32", 2**31 - 1)])
def test_waves_as_files_have_them(encoder, kind, full):
    wave = np.random.default_rng(0).uniform(-1, 1, 8000)
    stored = (np.rint(wave * full) + 128 * (kind == "uint8")).astype(kind)
    as_float = (stored.astype(np.float64) - 128 * (kind == "uint8")) / (full + 1)
    wanted = encoder.encode_waves([as_float])
    torch.testing.assert_close(encoder.encode_waves([stored]), wanted)
    torch.testing.assert_close(encoder.encode_batch(torch.from_numpy(stored)[None])[:, 0], wanted)


@pytest.mark.parametrize("wave", [np.arange(8000), np.ones(8000, bool), np.ones(8000, np.complex64)])
def test_other_types_are_refused(encoder, wave):
    with pytest.raises(UserError, match=f"Wave 0 has the type {wave.dtype}: give floating point"):
        encoder.encode_waves([wave])


@pytest.mark.parametrize("shape", [(2, 2, 8000), (1, 8000, 2)])
def test_several_channels_are_refused(encoder, shape):
    with pytest.raises(UserError, match="Wave 0 has the shape .*give one channel"):
        encoder.encode_batch(torch.randn(shape))
    with pytest.raises(UserError, match="give one channel"):
        encoder.encode_waves([torch.randn(shape[1:])])


@pytest.mark.parametrize("rate", [16, 8.0, 44.1, -16000, 0, float("nan"), float("inf")])
def test_rates_that_are_not_in_hertz_are_refused(encoder, rate):
    with pytest.raises(UserError, match="sample_rate is .*in Hz"):
        encoder.encode_waves([np.random.default_rng(0).standard_normal(8000)], rate)


@pytest.mark.parametrize(
    "lens", [[16000, 8000], [16000.0, 8000.0], [100.0, 50.0], [1.0, 0.0], [1.0, -0.5], [1.0, float("nan")]]
)
def test_lengths_that_are_not_relative_are_refused(encoder, lens):
    with pytest.raises(UserError, match="wav_lens are from .*relative"):
        encoder.encode_batch(torch.randn(2, 16000), torch.tensor(lens))
    assert encoder.encode_batch(torch.randn(2, 16000), torch.tensor([1, 1])).shape == (2, 1, 12)


@pytest.mark.parametrize("threshold", [30, 1.5, -2, float("nan")])
def test_thresholds_that_no_cosine_has_are_refused(encoder, data, threshold):
    with pytest.raises(UserError, match="threshold is .*from -1 to 1"):
        encoder.verify_files(data / "a.wav", data / "b.flac", threshold=threshold)
