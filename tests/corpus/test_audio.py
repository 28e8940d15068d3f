"""Reading of audio: any rate, any format, pieces, and files that are no use."""

import numpy as np
import pytest
import soundfile
import soxr

from speechbrain_cadino.corpus.audio import SAMPLE_RATE, AudioError, audio_info, read_audio


def write(path, wave, rate=SAMPLE_RATE, **options):
    soundfile.write(path, wave, rate, **options)
    return path


def noise(shape, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, shape).astype(np.float32)


def speechlike(length, rate, seed=0):
    """Band-limited, so that lossy codecs and resampling keep it."""
    spectrum = np.fft.rfft(noise(length, seed))
    spectrum[np.fft.rfftfreq(length, 1 / rate) > 3000] = 0
    return np.fft.irfft(spectrum, length).astype(np.float32)


def test_a_wave_at_16_khz_comes_back_as_it_is(tmp_path):
    wave = noise(20001)
    read = read_audio(write(tmp_path / "a.wav", wave, subtype="FLOAT"))
    assert read.dtype == np.float32 and read.flags.c_contiguous
    np.testing.assert_array_equal(read, wave)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_pieces_are_slices_of_the_whole(tmp_path, suffix):
    path = write(tmp_path / f"a.{suffix}", noise(20000))
    whole = read_audio(path)
    for start, stop in [(0, 1), (0, 20000), (19999, 20000), (123, 4567), (500, None), (100, 10**9)]:
        np.testing.assert_array_equal(read_audio(path, start, stop), whole[start:stop])


@pytest.mark.parametrize("subtype", ["OPUS", "VORBIS"])
def test_lossy_pieces_begin_where_they_should(tmp_path, subtype):
    path = write(tmp_path / "a.ogg", speechlike(48000, SAMPLE_RATE), format="OGG", subtype=subtype)
    whole = read_audio(path)
    for start, stop in [(0, 9000), (20000, 36000), (31999, 32001)]:
        np.testing.assert_allclose(read_audio(path, start, stop), whole[start:stop], atol=0.02)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 16001])
def test_other_rates_are_resampled_and_pieces_agree_with_the_whole(tmp_path, rate):
    wave = noise(int(2.3 * rate))
    path = write(tmp_path / "a.wav", wave, rate, subtype="FLOAT")
    whole = read_audio(path)
    assert len(whole) == len(wave) * SAMPLE_RATE // rate
    np.testing.assert_allclose(whole, soxr.resample(wave, rate, SAMPLE_RATE)[: len(whole)], atol=1e-6)
    for start, stop in [(0, 700), (1, 16000), (15999, 32123), (33333, None)]:
        np.testing.assert_allclose(read_audio(path, start, stop), whole[start:stop], atol=1e-6)


def test_a_tone_keeps_its_place_in_time_through_resampling(tmp_path):
    time = np.arange(3 * 44100) / 44100
    path = write(tmp_path / "a.wav", np.sin(2 * np.pi * 440 * time), 44100, subtype="FLOAT")
    expected = np.sin(2 * np.pi * 440 * np.arange(16000, 32000) / SAMPLE_RATE)
    np.testing.assert_allclose(read_audio(path, 16000, 32000), expected, atol=1e-3)


def test_channels_are_averaged(tmp_path):
    waves = noise((5000, 3))
    path = write(tmp_path / "a.wav", waves, subtype="FLOAT")
    np.testing.assert_allclose(read_audio(path), waves.mean(axis=1), atol=1e-7)


def test_info_tells_seconds_rate_and_channels(tmp_path):
    assert audio_info(write(tmp_path / "a.flac", noise((22050, 2)), 44100)) == (0.5, 44100, 2)


def test_absent_and_unreadable_files_are_told_apart(tmp_path):
    (tmp_path / "text.wav").write_text("this is not audio")
    (tmp_path / "empty.wav").touch()
    for name, words in [("none.wav", "No such file"), ("text.wav", "not readable as audio"), ("empty.wav", "is empty")]:
        for read in (read_audio, audio_info):
            with pytest.raises(AudioError, match=words) as error:
                read(tmp_path / name)
            assert name in str(error.value)
    with pytest.raises(AudioError):
        read_audio(tmp_path)


def test_a_folder_in_place_of_a_file(tmp_path):
    for read in (read_audio, audio_info):
        with pytest.raises(AudioError, match="is a folder: give the files in it"):
            read(tmp_path)


def test_a_piece_without_samples_and_a_file_without_samples(tmp_path):
    path = write(tmp_path / "a.wav", noise(100))
    for start, stop in [(100, None), (5, 5), (6, 5), (-3, 5), (200, 300)]:
        with pytest.raises(AudioError, match="none from"):
            read_audio(path, start, stop)
    with pytest.raises(AudioError, match="has 0 samples"):
        read_audio(write(tmp_path / "zero.wav", noise(0)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(tmp_path, value):
    wave = noise(1000)
    wave[700] = value
    path = write(tmp_path / "a.wav", wave, subtype="FLOAT")
    with pytest.raises(AudioError, match="not finite"):
        read_audio(path)
    assert len(read_audio(path, 0, 700)) == 700


def test_a_truncated_file_is_told_in_one_sentence(tmp_path):
    path = write(tmp_path / "a.flac", noise(64000))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for start in (0, 60000):
        with pytest.raises(AudioError, match="a.flac breaks off"):
            read_audio(path, start)
