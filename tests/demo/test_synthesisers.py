"""Synthetic speakers: eSpeak NG's and the source-filter ones."""

import sys

import numpy as np
import pytest

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.demo.espeak import Espeak
from speechbrain_cadino.demo.sentences import WORDS, random_words
from speechbrain_cadino.demo.source_filter import SourceFilter
from speechbrain_cadino.demo.synthesiser import open_synthesiser, say_for
from speechbrain_cadino.utils.errors import UserError


@pytest.fixture(scope="module", params=["source_filter", "espeak"])
def synthesiser(request):
    if request.param == "espeak":
        pytest.importorskip("espeakng_loader", reason="the extra [demo] is not installed")
    return open_synthesiser(request.param)


def speaker(synthesiser, index):
    return synthesiser.draw_speaker(np.random.default_rng(index), index)


def long_term_spectrum(wave):
    frames = wave[: len(wave) // 512 * 512].reshape(-1, 512) * np.hanning(512)
    power = (np.abs(np.fft.rfft(frames)) ** 2).mean(axis=0)[1:257].reshape(32, 8).mean(axis=1)
    return np.log(power + 1e-9)


def test_speech_is_speech(synthesiser):
    for index in range(4):
        wave = synthesiser.say(speaker(synthesiser, index), WORDS[:8])
        assert wave.dtype == np.float32 and wave.ndim == 1 and np.isfinite(wave).all()
        assert 1 < len(wave) / SAMPLE_RATE < 8 and 0.05 < np.abs(wave).max() < 1.2
        loudness = np.abs(wave[: len(wave) // 1600 * 1600]).reshape(-1, 1600).mean(axis=1)
        assert loudness.max() > 3 * loudness.min()  # syllables and pauses, no hum


def test_more_words_take_longer(synthesiser):
    voice = speaker(synthesiser, 0)
    assert len(synthesiser.say(voice, WORDS[:10])) > 1.5 * len(synthesiser.say(voice, WORDS[:5]))


def test_a_speaker_is_closer_to_itself_than_to_others(synthesiser):
    """In one channel, the spectra of different words tell speakers apart nearly always."""
    rng = np.random.default_rng(0)
    spectra = np.stack([
        [long_term_spectrum(synthesiser.say(speaker(synthesiser, index), random_words(rng, 10))) for _ in range(2)]
        for index in range(8)
    ])  # fmt: skip
    spectra -= spectra.mean(axis=2, keepdims=True)
    distances = np.linalg.norm(spectra[:, None, 0] - spectra[None, :, 1], axis=-1)
    assert (distances.argmin(axis=1) == np.arange(8)).mean() >= 0.75


def test_speakers_are_all_different_and_of_both_sexes(synthesiser):
    speakers = [speaker(synthesiser, index) for index in range(140)]
    assert len(set(speakers)) == 140
    counts = [sum(one.sex == sex for one in speakers) for sex in ("female", "male")]
    assert sum(counts) == 140 and min(counts) >= 25


def test_espeak_has_a_hundred_voices_and_pairs_them_with_accents_before_it_repeats_one():
    pytest.importorskip("espeakng_loader", reason="the extra [demo] is not installed")
    espeak = Espeak()
    assert len(espeak.sexes) >= 85
    voices = [speaker(espeak, index).voice for index in range(6 * len(espeak.sexes))]
    assert len(set(voices)) == len(voices)
    for voice in voices[::97]:
        assert len(espeak.say(speaker(espeak, 0)._replace(voice=voice), ["yes"])) > 1000
    with pytest.raises(UserError, match="en-gb"):
        espeak.say(speaker(espeak, 0)._replace(voice="no-such-voice-en-gb"), ["yes"])


@pytest.mark.parametrize("seconds", [0.3, 2.0, 4.5])
def test_words_are_said_for_as_long_as_asked_even_by_slow_speakers(synthesiser, seconds):
    slow = speaker(synthesiser, 1)._replace(rate=60 if isinstance(synthesiser, Espeak) else 5.0)
    for voice in (speaker(synthesiser, 0), slow):
        wave = say_for(synthesiser, voice, seconds, np.random.default_rng(0))
        assert len(wave) == int(seconds * SAMPLE_RATE) and wave.dtype == np.float32


def test_pitch_and_tract_change_what_they_say():
    voice = SourceFilter().draw_speaker(np.random.default_rng(1), 1)._replace(jitter=0.0, f0_range=0.0, breath=0.0)

    def pitch(f0):
        wave = SourceFilter().say(voice._replace(f0=f0), ["aaaaaaaaaa"])[4000:8096].astype(np.float64)
        lags = np.correlate(wave, wave, "full")[4095:]
        return SAMPLE_RATE / (40 + lags[40:250].argmax())

    assert pitch(100.0) == pytest.approx(100, rel=0.05) and pitch(200.0) == pytest.approx(200, rel=0.05)
    spectra = [
        np.abs(np.fft.rfft(SourceFilter().say(voice._replace(formant_scales=(scale,) * 4), ["iiiiiiiiii"])[4000:8096]))
        for scale in (0.9, 1.2)
    ]
    peaks = [400 + spectrum[400:900].argmax() for spectrum in spectra]  # F2 of i, 1560 to 3500 Hz
    assert peaks[1] / peaks[0] == pytest.approx(1.2 / 0.9, rel=0.1)


def test_source_filter_says_the_same_each_time():
    one, other = (SourceFilter().say(speaker(SourceFilter(), 3), ["stop", "music"]) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_without_the_library_auto_takes_the_other_one_and_espeak_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    assert isinstance(open_synthesiser("auto"), SourceFilter)
    with pytest.raises(UserError, match="install espeakng-loader"):
        open_synthesiser("espeak")
    with pytest.raises(UserError, match="choose espeak, source_filter or auto"):
        open_synthesiser("festival")


@pytest.mark.parametrize("count", [0, 1, 25])
def test_random_words(count):
    words = random_words(np.random.default_rng(0), count)
    assert len(words) == max(1, count) and set(words) <= set(WORDS)
    assert len(set(WORDS)) == len(WORDS) > 200
