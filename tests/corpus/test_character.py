"""What looks like speech, and what is of the telephone's band."""

import numpy as np
import pytest
import soundfile

from speechbrain_cadino.corpus.character import Character, listen_to, looks_like_speech, measure
from speechbrain_cadino.corpus.manifest import Manifest

RATE = 16000


def noise(rng, n):
    return rng.standard_normal(n)


def tone(rng, n):
    return np.sin(2 * np.pi * rng.uniform(100, 1000) * np.arange(n) / RATE)


def melody(rng, n):
    """Notes that die away, a few a second."""
    wave, time = 1e-4 * rng.standard_normal(n), np.arange(n) / RATE
    for start in np.arange(0, n / RATE, 0.3):
        after = time[int(start * RATE) :] - start
        pitch = rng.uniform(100, 400)
        for harmonic in range(1, 8):
            wave[int(start * RATE) :] += np.exp(-after / 0.1) * np.sin(2 * np.pi * pitch * harmonic * after) / harmonic
    return wave


def drums(rng, n):
    wave, time = 1e-4 * rng.standard_normal(n), np.arange(n) / RATE
    for start in np.arange(0, n / RATE, 0.25):
        after = time[int(start * RATE) :] - start
        wave[int(start * RATE) :] += np.exp(-after / 0.05) * rng.standard_normal(len(after))
    return wave


def babble(rng, n, low_pass=False):
    """Syllables: a voiced part with a moving formant, a hiss, a pause."""
    parts = []
    while sum(map(len, parts)) < n:
        voiced, hiss, pause = (int(RATE * rng.uniform(*limits)) for limits in ((0.1, 0.25), (0.03, 0.1), (0.02, 0.3)))
        pitch = rng.uniform(100, 200) * np.linspace(1, rng.uniform(0.8, 1.2), voiced)
        phase, formant = 2 * np.pi * np.cumsum(pitch) / RATE, np.linspace(*rng.uniform(300, 1500, 2), voiced)
        sound = sum(np.exp(-((h * pitch - formant) ** 2) / 2e5) * np.sin(h * phase) for h in range(1, 16))
        parts += [sound, 0.15 * np.diff(rng.standard_normal(hiss + 1)), 0.001 * rng.standard_normal(pause)]
    wave = np.concatenate(parts)[:n]
    if low_pass:
        spectrum = np.fft.rfft(wave)
        spectrum[np.fft.rfftfreq(n, 1 / RATE) > 3500] = 0
        wave = np.fft.irfft(spectrum, n)
    return wave


@pytest.mark.parametrize("make, like", [(noise, 0), (tone, 0), (melody, 0), (drums, 0), (babble, 1)])
def test_what_looks_like_speech(make, like):
    rng = np.random.default_rng(0)
    found = [looks_like_speech(measure(make(rng, 4 * RATE))) for _ in range(10)]
    assert np.mean(found) == pytest.approx(like, abs=0.25)


def test_silence_and_scraps_say_nothing():
    assert measure(np.zeros(RATE)) is None and measure(np.full(RATE, 0.5)) is None and measure(np.ones(10)) is None


def test_a_corpus_is_judged_by_some_of_it(tmp_path):
    rng, wavs = np.random.default_rng(1), []
    for number, make in enumerate([noise] * 5 + [babble] * 10 + [lambda rng, n: babble(rng, n, low_pass=True)] * 5):
        wavs.append(tmp_path / f"{number}.wav")
        wave = make(rng, 3 * RATE)
        soundfile.write(wavs[-1], 0.3 * wave / np.abs(wave).max(), RATE)
    manifest = Manifest([str(i) for i in range(20)], [str(wav) for wav in wavs], [0] * 20, [3 * RATE] * 20)
    found = listen_to(manifest)
    assert found.speechlike == pytest.approx(0.75, abs=0.15) and found.narrow == pytest.approx(0.25)
    assert found == listen_to(manifest)
    assert found.distinct == 1.0
    for wav in wavs[10:]:
        wav.write_bytes(wavs[9].read_bytes())
    assert listen_to(manifest).distinct == 0.5
    for wav in wavs:
        wav.unlink()
    assert listen_to(manifest) == Character(0.0, 0.0, 0.0)
