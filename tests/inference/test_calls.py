"""SpeechBrain's way of calling an encoder, on ours; and short speech, of which it is said what it is worth."""

import numpy as np
import pytest
import soundfile
import torch
from speechbrain.inference.speaker import SpeakerRecognition

from speechbrain_cadino.corpus.audio import read_audio
from speechbrain_cadino.faces.export import export_face_encoder
from speechbrain_cadino.inference import FaceEncoder, SpeakerEncoder
from speechbrain_cadino.utils.errors import UserError
from tests.faces.conftest import tiny_face_encoder


@pytest.fixture(scope="module")
def encoder(folder):
    return SpeakerEncoder.from_folder(folder)


@pytest.fixture(scope="module")
def face_folder(tmp_path_factory):
    torch.manual_seed(0)
    return export_face_encoder(tiny_face_encoder(), tmp_path_factory.mktemp("faces") / "face_encoder", threshold=0.2)


@pytest.fixture(scope="module")
def plain(folder):
    return SpeakerRecognition.from_hparams(source=str(folder))


WAVES = torch.randn(3, 9000, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("normalize", [False, True])
def test_encode_batch_has_speechbrains_shapes_and_values(encoder, plain, normalize):
    for waves in (WAVES, WAVES[0], WAVES[:1]):
        found = encoder.encode_batch(waves, normalize=normalize)
        torch.testing.assert_close(found, plain.encode_batch(waves, normalize=normalize), rtol=1e-5, atol=1e-5)
        assert torch.equal(encoder(waves), found)
    lens = torch.tensor([1.0, 0.5, 0.8])
    assert torch.equal(encoder(WAVES, lens), encoder.encode_batch(WAVES, lens))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_half_and_double_are_taken(encoder, kind):
    found = encoder.encode_batch(WAVES.to(kind))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, encoder.encode_batch(WAVES.to(kind).float()), rtol=1e-6, atol=1e-6)
    assert torch.equal(encoder.encode_waves(list(WAVES.to(kind))), found[:, 0])


def test_views_of_any_strides_are_taken(encoder):
    array = WAVES.numpy()
    backwards = encoder.encode_batch(WAVES.flip(1).flip(0))
    assert torch.equal(encoder.encode_batch(array[::-1, ::-1]), backwards)
    assert torch.equal(encoder.encode_waves(list(array[::-1, ::-1])), backwards[:, 0])
    assert torch.equal(encoder.encode_waves([array[0, ::-2]]), encoder.encode_waves([array[0, ::-2].copy()]))
    assert torch.equal(
        encoder.encode_waves([array[0, ::-2]], 8000), encoder.encode_waves([array[0, ::-2].copy()], 8000)
    )
    assert torch.equal(encoder.encode_batch(np.asfortranarray(array)), encoder.encode_batch(WAVES))
    assert torch.equal(encoder.encode_batch(array[0, ::-1]), encoder.encode_batch(WAVES[:1].flip(1)))
    assert torch.equal(encoder.encode_batch(WAVES.T.contiguous().T), encoder.encode_batch(WAVES))


def test_load_audio_and_modes_and_devices(encoder, plain, data):
    found = encoder.load_audio(data / "b.flac")
    assert torch.equal(found, torch.from_numpy(read_audio(data / "b.flac"))) and found.device == encoder.device
    assert plain.load_audio(str(data / "b.flac")).shape == found.shape
    before = encoder.encode_batch(WAVES)
    assert encoder.eval() is encoder and encoder.to("cpu") is encoder and encoder.train() is encoder
    assert torch.equal(encoder.encode_batch(WAVES), before)  # its batch norms stay as they are
    for change in (encoder.half, encoder.double, encoder.bfloat16, lambda: encoder.to(torch.float16)):
        with pytest.raises(UserError, match="computed in float32"):
            change()
    assert torch.equal(encoder.float().encode_batch(WAVES), before)


def test_from_hparams_as_speechbrain_has_it(folder, face_folder, tmp_path):
    for kind, source in ((SpeakerEncoder, folder), (FaceEncoder, face_folder)):
        usual = dict(savedir=tmp_path / "saved", run_opts={"device": "cpu"}, overrides={}, freeze_params=True)
        found = kind.from_hparams(source=str(source), hparams_file="hyperparams.yaml", **usual)
        assert found.threshold == kind.from_folder(source).threshold
        assert kind.from_hparams(source, run_opts={"device": None}).device.type == "cpu"
        assert not (tmp_path / "saved").exists()
    assert SpeakerEncoder.from_hparams(folder, max_seconds=20.0).max_seconds == 20.0
    assert FaceEncoder.from_hparams(face_folder, n_frames=3).n_frames == 3


@pytest.mark.parametrize(
    "wish, said",
    [
        (dict(overrides={"n_mels": 40}), "overrides="),
        (dict(hparams_file="other.yaml"), "hparams_file='other.yaml'"),
        (dict(freeze_params=False), "freeze_params=False"),
        (dict(run_opts={"device": "cpu", "jit": True}), "run_opts 'jit'"),
        (dict(pymodule_file="custom.py"), "no option pymodule_file"),
        (dict(download_only=True), "no option download_only"),
        (dict(bach_seconds=3), "no option bach_seconds: it has"),
    ],
)
def test_what_is_unknown_is_told(folder, face_folder, wish, said):
    for kind, source in ((SpeakerEncoder, folder), (FaceEncoder, face_folder)):
        with pytest.raises(UserError, match=said):
            kind.from_hparams(source, **wish)


def test_faces_are_called_alike(face_folder):
    encoder = FaceEncoder.from_folder(face_folder)
    images = torch.randint(256, (3, 3, 16, 16), dtype=torch.uint8)
    found = encoder(images)
    assert found.shape == (3, 1, 12) and torch.equal(found[:, 0], encoder.encode_images(images))
    backwards = images.permute(0, 2, 3, 1).numpy()[:, :, ::-1]
    assert torch.equal(encoder.encode_batch(backwards), encoder.encode_batch(list(backwards.copy())))


def test_a_probability_below_what_was_fitted_on_is_told(encoder, caplog):
    for values in (dict(shortest=2.0), dict(seconds=(2.0, 9.0)), dict(seconds=(2.0, 9.0), shortest=2.0)):
        calibration = dict(offset=-3.0, score=10.0, **values)
        other = SpeakerEncoder(encoder.net, metadata={"calibration": calibration})
        caplog.clear()
        whole = other.probability(0.3, 2.0, 3.0)
        assert caplog.text == ""
        assert other.probability(0.3, 3.0, 0.5) == other.probability(0.3, 3.0, 2.0)
        assert caplog.text.count("0.5 s of speech count as 2 s, the shortest that probabilities were fitted on") == 1
        assert 0 < whole < 1
    caplog.clear()
    SpeakerEncoder(encoder.net, metadata={"calibration": dict(offset=-3.0, score=10.0)}).probability(0.3, 0.1, 0.1)
    assert caplog.text == ""  # of an older version, without durations: nothing is known


def test_short_speech_is_told_once_a_call_with_what_was_measured(encoder, tmp_path, caplog):
    rng = np.random.default_rng(0)
    for number, seconds in enumerate((0.5, 1.9, 2.0, 3.0)):
        soundfile.write(tmp_path / f"{number}.wav", 0.1 * rng.standard_normal(int(seconds * 8000)), 8000)
    paths = [tmp_path / f"{number}.wav" for number in range(4)]
    encoder.encode_files(paths[2:])
    assert "shorter" not in caplog.text
    for call in (
        lambda: encoder.encode_files(paths),
        lambda: encoder.encode_waves([rng.standard_normal(size) for size in (4000, 15000, 16000, 30000)], 8000),
    ):
        caplog.clear()
        call()
        (record,) = caplog.records
        assert record.getMessage().startswith("2 of 4 recordings are shorter than 2 s, the shortest has 0.50 s")
        assert "cosine" in record.getMessage()
    caplog.clear()
    encoder.verify_files(paths[0], paths[3])
    assert caplog.text.count("1 of 2 recordings are shorter") == 1
