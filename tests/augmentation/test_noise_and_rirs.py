from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from speechbrain_cadino.augmentation.noise import NoiseFiles, SimulatedNoise, babble, coloured_noise
from speechbrain_cadino.augmentation.rirs import RIRFiles, SimulatedRIRs
from speechbrain_cadino.corpus.audio import AudioError


def columns(folder, waves, **more):
    paths = [str(folder / f"{i}.wav") for i in range(len(waves))]
    for path, wave in zip(paths, waves):
        soundfile.write(path, wave, 16000, subtype="PCM_16")
    stops = np.array([len(wave) for wave in waves])
    return SimpleNamespace(wavs=paths, starts=np.zeros_like(stops), stops=stops, **more)


@pytest.mark.parametrize("preload", [False, True])
def test_noise_from_files_keeps_its_kind_and_is_cut_or_repeated(tmp_path, preload):
    waves = [np.arange(100) / 1000, -np.arange(5000) / 10000]
    noise = NoiseFiles(columns(tmp_path, waves, kinds=["music", "speech"]), preload)
    rng = np.random.default_rng(0)
    firsts = {"music": set(), "speech": set()}
    for _ in range(60):
        piece, kind = noise(rng, 1000)
        wave, _ = soundfile.read(tmp_path / f"{('music', 'speech').index(kind)}.wav", dtype="float32")
        start = int(np.abs(wave - piece[0]).argmin())
        assert (piece == wave[(start + np.arange(1000)) % len(wave)]).all()
        firsts[kind].add(start)
    assert min(map(len, firsts.values())) > 10 and max(firsts["speech"]) <= 4000


def test_an_unreadable_noise_file_names_itself(tmp_path):
    noises = columns(tmp_path, [np.zeros(10)], kinds=["noise"])
    (tmp_path / "0.wav").unlink()
    with pytest.raises(AudioError, match="0.wav"):
        NoiseFiles(noises)(np.random.default_rng(0), 10)


def test_simulated_noise_is_cut_from_its_tracks_and_follows_its_seed():
    noise = SimulatedNoise(seed=1, n_tracks=4, seconds=0.5)
    assert noise.tracks.shape == (4, 8000) and noise.kinds == ["noise", "speech"] * 2
    assert np.allclose(noise.tracks.std(axis=1), 1, atol=1e-3)
    assert (SimulatedNoise(seed=1, n_tracks=4, seconds=0.5).tracks == noise.tracks).all()
    assert not np.allclose(SimulatedNoise(seed=2, n_tracks=4, seconds=0.5).tracks, noise.tracks)
    pieces = [noise(np.random.default_rng(seed), 20000) for seed in range(20)]
    assert {kind for _, kind in pieces} == {"noise", "speech"} and len({float(piece[0]) for piece, _ in pieces}) == 20
    for piece, _ in pieces:
        assert (piece[:8000] == piece[8000:16000]).all()
        assert (np.sort(piece[:8000]) == np.sort(noise.tracks)).all(axis=1).any()


def test_coloured_noise_falls_by_0_to_6_db_an_octave_and_babble_moves_as_speech():
    def octave_slope(wave):
        power = np.abs(np.fft.rfft(wave)) ** 2
        bands = [power[2**k : 2 ** (k + 1)].mean() for k in range(5, 14)]
        return np.polyfit(range(len(bands)), 10 * np.log10(bands), 1)[0]

    def level_spread(wave):
        return np.std(10 * np.log10((wave.reshape(-1, 800) ** 2).mean(axis=1)))

    slopes = [octave_slope(coloured_noise(np.random.default_rng(seed), 32000)) for seed in range(40)]
    assert -6.5 < min(slopes) < -5 and -1 < max(slopes) < 0.5
    talkers = babble(np.random.default_rng(0), 160000)
    power = np.abs(np.fft.rfft(talkers)) ** 2
    assert power[2000:10000].mean() > 20 * power[30000:].mean()  # 200 to 1000 Hz against 3 to 8 kHz
    assert 3 < level_spread(talkers) < level_spread(babble(np.random.default_rng(0), 160000, n_talkers=1))


@pytest.mark.parametrize("preload", [False, True])
def test_rooms_from_files_begin_with_the_direct_path_and_end_in_time(tmp_path, preload):
    response = np.zeros(3000)
    response[[50, 300, 301, 2500]] = 0.1, -0.5, 0.25, 0.125
    found = RIRFiles(columns(tmp_path, [response]), max_seconds=0.1, preload=preload)(np.random.default_rng(0))
    assert found.shape == (1600,) and found[0] == -0.5 and found[1] == 0.25 and not found[2:].any()
    assert RIRFiles(columns(tmp_path, [response]))(np.random.default_rng(0)).shape == (2700,)


@pytest.mark.parametrize("rt60, direct_db", [(0.1, 10.0), (0.4, 0.0), (0.8, -3.0)])
def test_simulated_rooms_decay_as_they_say(rt60, direct_db):
    response = SimulatedRIRs((rt60, rt60), (direct_db, direct_db))(np.random.default_rng(0)).astype(np.float64)
    assert response[0] == 1 and -10 * np.log10((response[1:] ** 2).sum()) == pytest.approx(direct_db, abs=1e-4)
    remaining = 10 * np.log10(np.cumsum(response[:0:-1] ** 2)[::-1])  # Schroeder's backward integration
    part = slice(0, len(remaining) // 2)
    slope = np.polyfit(np.arange(len(remaining))[part] / 16000, remaining[part], 1)[0]
    assert -60 / slope == pytest.approx(rt60, rel=0.1)


def test_simulated_rooms_draw_over_their_ranges():
    rng, rirs = np.random.default_rng(0), SimulatedRIRs((0.2, 0.3))
    lengths = [len(rirs(rng)) / 16000 for _ in range(50)]
    assert 0.2 <= min(lengths) < 0.22 and 0.28 < max(lengths) <= 0.3


@pytest.mark.parametrize("preload", [False, True])
def test_a_silent_response_is_never_drawn(tmp_path, preload, caplog):
    rirs = columns(tmp_path, [np.zeros(100), [0, 0.5, 0.25], np.zeros(50)])
    draw, rng = RIRFiles(rirs, preload=preload), np.random.default_rng(0)
    assert all(draw(rng).tolist() == [0.5, 0.25] for _ in range(30))
    assert sorted(message.split("/")[-1] for message in caplog.messages) == [
        "0.wav is silent and not used.",
        "2.wav is silent and not used.",
    ]


def test_responses_that_are_all_silent_are_told(tmp_path):
    with pytest.raises(AudioError, match="0.wav is silent, as are 10"):
        RIRFiles(columns(tmp_path, [np.zeros(100)]))(np.random.default_rng(0))
