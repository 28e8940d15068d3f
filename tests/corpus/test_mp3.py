"""MP3 files whose header says nothing, or too little, of their length."""

import numpy as np
import pytest
import soundfile

from speechbrain_cadino.corpus.audio import audio_info, read_audio
from speechbrain_cadino.corpus.examine import examine
from speechbrain_cadino.corpus.mp3 import tells_its_length

RATES = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]  # kbit/s of MPEG 2, layer III
SECONDS = 12


def frames(data):
    """Begin and size of each frame of an MP3 at 16 kHz."""
    place = 0
    while place < len(data):
        size = 72 * RATES[data[place + 2] >> 4] * 1000 // 16000 + (data[place + 2] >> 1 & 1)
        yield place, size
        place += size


@pytest.fixture(params=["loud first", "quiet first"])
def variable(request, tmp_path):
    """An MP3 of variable rate with its tag, and the wave in it: half of it needs few bits."""
    wave = np.random.default_rng(0).uniform(-0.3, 0.3, SECONDS * 16000)
    half = slice(96000, None) if request.param == "loud first" else slice(96000)
    wave[half] *= 1e-3
    options = dict(format="MP3", bitrate_mode="VARIABLE", compression_level=0.3)
    soundfile.write(tmp_path / "a.mp3", wave, 16000, **options)
    return tmp_path / "a.mp3"


def without_tag(path):
    data = path.read_bytes()
    (_, size), *_ = frames(data)
    path.write_bytes(data[size:])


def test_all_of_a_file_without_a_tag_is_used(variable):
    whole = read_audio(variable)
    assert tells_its_length(variable) and len(whole) == SECONDS * 16000
    without_tag(variable)
    assert not tells_its_length(variable)
    with soundfile.SoundFile(variable) as estimate:
        assert abs(estimate.frames / 16000 - SECONDS) > 1, "libsndfile's estimate is off, or this tests nothing"
    found = read_audio(variable)
    assert audio_info(variable).samples == len(found) and len(found) == pytest.approx(len(whole), abs=2000)
    assert examine(variable) == ([(0, len(found))], [])
    np.testing.assert_array_equal(read_audio(variable, 150000, 170000), found[150000:170000])
    shift = len(found) - len(whole)  # the tag also says what silence the encoder put before
    likeness = [np.corrcoef(whole[5000:90000], found[5000 + s : 90000 + s])[0, 1] for s in range(shift + 1)]
    assert max(likeness) > 0.99


def test_two_files_one_behind_the_other_are_used_whole(variable):
    variable.write_bytes(2 * variable.read_bytes())
    assert audio_info(variable).seconds == pytest.approx(2 * SECONDS, abs=0.5)
    assert examine(variable).pieces[0][1] == len(read_audio(variable))


def test_a_truncated_file_is_set_aside(variable):
    data = variable.read_bytes()
    variable.write_bytes(data[: len(data) // 2])
    assert examine(variable).pieces == [] and len(examine(variable).reasons) == 1


def test_tags_of_music_players_are_no_audio(variable):
    data = variable.read_bytes()
    picture = b"ID3\x04\x00\x00\x00\x01\x00\x00" + bytes(2**14)
    ape = bytes(20000) + b"APETAGEX" + bytes(4) + (20032).to_bytes(4, "little") + bytes(16)
    variable.write_bytes(picture + data + ape + b"TAG" + bytes(125))
    assert tells_its_length(variable) and audio_info(variable).seconds == SECONDS


def test_a_constant_rate(tmp_path):
    wave = np.random.default_rng(0).uniform(-0.3, 0.3, 48000)
    soundfile.write(tmp_path / "a.mp3", wave, 16000, format="MP3", bitrate_mode="CONSTANT")
    assert len(read_audio(tmp_path / "a.mp3")) == 48000
    without_tag(tmp_path / "a.mp3")
    assert len(read_audio(tmp_path / "a.mp3")) == pytest.approx(48000, abs=2000)


def test_no_mp3_at_all(tmp_path):
    (tmp_path / "a.mp3").write_bytes(b"no audio" * 100)
    (tmp_path / "empty.mp3").touch()
    assert "not readable as audio" in examine(tmp_path / "a.mp3").reasons[0]
    assert "empty" in examine(tmp_path / "empty.mp3").reasons[0]
