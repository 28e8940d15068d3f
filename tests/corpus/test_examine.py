"""Whether a file is fit for training, and its cutting into pieces."""

import numpy as np
import pytest
import soundfile

from speechbrain_cadino.corpus.audio import SAMPLE_RATE, read_audio
from speechbrain_cadino.corpus.examine import examine

NOISE = np.random.default_rng(0).uniform(-0.3, 0.3, 10 * SAMPLE_RATE).astype(np.float32)


def write(path, wave, rate=SAMPLE_RATE, **options):
    soundfile.write(path, wave, rate, **options)
    return path


def with_value(value, place):
    wave = NOISE.copy()
    wave[place] = value
    return wave


@pytest.mark.parametrize("rate, channels", [(16000, 1), (8000, 1), (44100, 2), (48000, 3)])
def test_a_good_file_is_one_piece_whatever_its_rate_and_channels(tmp_path, rate, channels):
    path = write(tmp_path / "a.wav", np.repeat(NOISE[: 2 * rate, None], channels, axis=1), rate)
    assert examine(path) == ([(0, 2 * SAMPLE_RATE)], [])


@pytest.mark.parametrize(
    "wave, reason",
    [
        (NOISE[:0], "holds no samples"),
        (NOISE[: SAMPLE_RATE - 1], "shorter than 1 s"),
        (0 * NOISE, "silent"),
        (0 * NOISE + 0.25, "silent"),  # an offset alone is no sound
        (1e-4 * NOISE, "silent"),
        (with_value(np.nan, 77), "holds values that are not finite"),
        (with_value(-np.inf, -1), "holds values that are not finite"),
    ],
)
def test_bad_waves_are_set_aside_with_the_reason(tmp_path, wave, reason):
    assert examine(write(tmp_path / "a.wav", wave, subtype="FLOAT")) == ([], [reason])


def test_files_that_do_not_open_or_break_off(tmp_path):
    (tmp_path / "text.wav").write_text("no audio")
    (tmp_path / "empty.flac").touch()
    (tmp_path / "a.m4a").write_bytes(b"whatever")
    cut = write(tmp_path / "cut.flac", NOISE)
    cut.write_bytes(cut.read_bytes()[:30000])
    for name, words in [
        ("none.wav", "cannot be opened (No such file or directory)"),
        ("text.wav", "not readable as audio"),
        ("empty.flac", "the file is empty"),
        ("a.m4a", "convert_m4a.sh"),
        ("cut.flac", "breaks off"),
    ]:
        pieces, (reason,) = examine(tmp_path / name)
        assert pieces == [] and words in reason and name not in reason.replace("m4a/aac", "")


def test_a_stream_without_length_is_set_aside(tmp_path):
    path = write(tmp_path / "a.flac", NOISE)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # STREAMINFO's 36 bits of the total number of samples
    data[22:26] = bytes(4)
    path.write_bytes(data)
    assert examine(path) == ([], ["has no length in its header"])


def test_min_duration_is_a_setting(tmp_path):
    path = write(tmp_path / "a.wav", NOISE[:8000])
    assert examine(path, min_duration=0.5).pieces == [(0, 8000)]
    assert examine(path, min_duration=0.51).reasons == ["shorter than 0.51 s"]


@pytest.mark.parametrize("rate", [16000, 11025])
@pytest.mark.parametrize("max_duration, count", [(10, 1), (9.99, 2), (3, 4), (1, 10)])
def test_long_files_are_cut_into_equal_pieces_that_cover_them(tmp_path, rate, max_duration, count):
    path = write(tmp_path / "a.wav", NOISE[: 10 * rate] if rate < 16000 else NOISE, rate)
    pieces, reasons = examine(path, max_duration=max_duration, min_duration=0.1)
    assert len(pieces) == count and reasons == []
    assert pieces[0][0] == 0 and pieces[-1][1] == 10 * SAMPLE_RATE
    assert all(before[1] == after[0] for before, after in zip(pieces, pieces[1:]))
    lengths = [stop - start for start, stop in pieces]
    assert max(lengths) <= max_duration * SAMPLE_RATE and max(lengths) - min(lengths) <= 1
    assert len(read_audio(path, *pieces[-1])) == lengths[-1]


def test_only_the_bad_pieces_of_a_long_file_are_set_aside(tmp_path):
    wave = with_value(np.nan, slice(5 * SAMPLE_RATE, 6 * SAMPLE_RATE))
    wave[: 2 * SAMPLE_RATE] = 0
    pieces, reasons = examine(write(tmp_path / "a.wav", wave, subtype="FLOAT"), max_duration=2)
    assert [start // SAMPLE_RATE for start, _ in pieces] == [2, 6, 8]
    assert reasons == ["silent from 0.0 to 2.0 s", "holds values that are not finite from 4.0 to 6.0 s"]


@pytest.mark.parametrize(
    "wave, reason",
    [
        (np.stack([NOISE, -NOISE], axis=1), "silent once its 2 channels are averaged"),
        (np.stack([NOISE, 0 * NOISE, -NOISE], axis=1), "silent once its 3 channels are averaged"),
        (np.stack([NOISE, NOISE * with_value(np.nan, 9)], axis=1), "holds values that are not finite"),
    ],
)
@pytest.mark.parametrize("rate", [16000, 44100])
def test_what_is_judged_is_what_training_reads(tmp_path, wave, reason, rate):
    assert examine(write(tmp_path / "a.wav", wave, rate, subtype="FLOAT")) == ([], [reason])


def test_one_silent_channel_is_no_reason(tmp_path):
    path = write(tmp_path / "a.wav", np.stack([NOISE, 0 * NOISE], axis=1))
    assert examine(path).pieces == [(0, len(NOISE))] and np.ptp(read_audio(path)) > 0.2


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW"])
@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000, 96000])
def test_every_coding_and_rate_is_used_whole(tmp_path, subtype, rate):
    path = write(tmp_path / "a.wav", NOISE[: rate + rate // 2], rate, subtype=subtype)
    ((start, stop),), reasons = examine(path)
    assert (start, reasons) == (0, []) and abs(stop - 24000) <= 800
    assert len(read_audio(path)) == stop


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff", "au"])
@pytest.mark.parametrize("part", [0.01, 0.3, 0.9])
def test_a_truncated_file_is_never_longer_than_what_it_has(tmp_path, suffix, part):
    path = write(tmp_path / f"a.{suffix}", NOISE)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    pieces, reasons = examine(path)
    assert len(pieces) + len(reasons) == 1
    if pieces:
        assert pieces[0][1] == len(read_audio(path)) <= len(NOISE) * (part + 0.05)


@pytest.mark.parametrize("options", [dict(format="OGG"), dict(format="OGG", subtype="OPUS"), dict(format="FLAC")])
def test_a_second_file_behind_the_first_is_not_passed_over_in_silence(tmp_path, options):
    path = write(tmp_path / "a", NOISE[:48000], **options)
    assert examine(path).reasons == []
    path.write_bytes(2 * path.read_bytes())
    assert examine(path) == ([], ["holds several recordings, one behind the other, of which only the first is read"])
