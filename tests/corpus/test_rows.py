"""CSV rows against their files, and times in other units than samples at 16 kHz."""

import numpy as np
import pytest
import soundfile

from speechbrain_cadino.corpus.manifest import read_manifest
from speechbrain_cadino.corpus.rows import fit_to_files
from speechbrain_cadino.utils.errors import UserError

SECONDS = [3.0, 2.0, 4.5, 2.5]


@pytest.fixture
def data(tmp_path):
    """Files 0.wav to 3.wav of SECONDS; give a function that makes those of another rate."""

    def make(rate=16000):
        for number, seconds in enumerate(SECONDS):
            wave = np.random.default_rng(number).uniform(-0.3, 0.3, int(seconds * rate))
            soundfile.write(tmp_path / f"{number}.wav", wave, rate)
        return tmp_path

    return make


def read(folder, rows, header="ID,duration,wav,start,stop"):
    """Rows (duration, start, stop), one a file, read from a CSV."""
    lines = [f"u{i},{row[0]},$data_root/{i}.wav,{row[1]},{row[2]}" for i, row in enumerate(rows)]
    (folder / "a.csv").write_text("\n".join([header, *lines]))
    return read_manifest(folder / "a.csv", folder)


def fit(folder, rows):
    return fit_to_files(read(folder, rows), folder / "a.csv", folder)


SAMPLES = [int(s * 16000) for s in SECONDS]


@pytest.mark.parametrize("rows", [[("", 0, int(s * 1000)) for s in SECONDS], [(s, 0, int(s * 1000)) for s in SECONDS]])
def test_milliseconds_are_refused(data, rows):
    with pytest.raises(UserError, match="4 of 4 rows do not count samples at 16 kHz, such as u0 from 0 to 3000"):
        fit(data(), rows)


@pytest.mark.parametrize(
    "rows",
    [
        [("", 0, s) for s in SAMPLES],
        [("", "0.0", f"{s}.0") for s in SAMPLES],  # as pandas writes whole numbers beside empty ones
        [("", "0.0", s) for s in SECONDS],
        [("", 0, s) for s in SECONDS],
        [(s, "0.0", s) for s in SECONDS],
        [(s * 16000, 0, int(s * 16000)) for s in SECONDS],  # duration in samples
        [(s * 1000, 0, int(s * 16000)) for s in SECONDS],  # and in milliseconds
        [("", "", "") for s in SECONDS],
    ],
)
def test_seconds_are_recognised_and_samples_are_samples(data, rows, caplog):
    manifest = read(data(), rows)
    assert manifest.starts.tolist() == [0] * 4 and manifest.stops.tolist() == SAMPLES
    assert manifest.ids.tolist() == ["u0", "u1", "u2", "u3"]
    assert ("taken as seconds" in caplog.text) == (rows[0][2] in (3.0, "3.0"))


def test_whole_seconds_are_known_by_the_durations(data, caplog):
    manifest = read(data(), [(2, 0, 2), (1, 1, 2), (4, 0, 4), (2, 0, 2)])
    assert manifest.starts.tolist() == [0, 16000, 0, 0] and manifest.durations.tolist() == [2, 1, 4, 2]
    assert "start and stop are taken as seconds" in caplog.text


@pytest.mark.parametrize(
    "rows, words",
    [
        ([("", 0, 3), ("", 0, 2)], "half of the rows are shorter than 1600 samples"),
        ([(9.9, 0, 3), (9.9, 3, 6)], "half of the rows are shorter than 1600 samples"),
        ([("", 0.5, 3.0), ("", 0, 4000000)], "the row u1 has 4e.06"),
        ([("", 0, "inf")], "infinite"),
        ([("", "1.5", "0.5")], "no samples"),
    ],
)
def test_numbers_that_are_neither_are_refused(data, rows, words):
    with pytest.raises(UserError, match=f"a.csv.*{words}"):
        read(data(), rows)


def test_rows_that_end_after_their_file_are_cut_and_told(data):
    folder = data()
    found, rejected = fit(folder, [("", 0, 48000), ("", 16000, 64000), ("", 0, 72000), ("", 50000, 60000)])
    assert found.ids.tolist() == ["u0", "u1", "u2"] and found.stops.tolist() == [48000, 32000, 72000]
    assert rejected == [
        ("1.wav", "the row u1 from 1.00 to 4.00 s ends after its file, at 2.00 s: cut"),
        ("3.wav", "the row u3 from 3.12 to 3.75 s ends after its file, at 2.50 s: left out"),
    ]
    assert fit(folder, [("", 0, 48000), ("", 16000, 32100)])[1] == [], "rounding"


def test_absent_and_bad_files_are_left_out_and_told(data):
    folder = data()
    (folder / "1.wav").unlink()
    (folder / "2.wav").write_text("no audio")
    found, rejected = fit(folder, [("", 0, 32000)] * 4)
    assert found.ids.tolist() == ["u0", "u3"]
    assert [name for name, _ in rejected] == ["1.wav", "2.wav"] and "No such file" in rejected[0][1]
    for name in ("0.wav", "3.wav"):
        (folder / name).unlink()
    with pytest.raises(UserError, match="None of 4 rows .*a.csv .*0.wav .*No such file"):
        fit(folder, [("", 0, 32000)] * 4)


@pytest.mark.parametrize("rate", [8000, 44100])
def test_samples_at_the_files_own_rate_are_refused(data, rate):
    folder = data(rate)
    with pytest.raises(UserError, match=f"4 of 4 rows do not count samples at 16 kHz, such as u0 .*{rate} Hz"):
        fit(folder, [("", 0, int(s * rate)) for s in SECONDS])
    found, rejected = fit(folder, [("", 0, int(s * 16000)) for s in SECONDS])
    assert found.stops.tolist() == SAMPLES and rejected == []
    found, rejected = fit(folder, [("", 0, 20000)] * 4)
    assert found.stops.tolist() == [20000] * 4 and rejected == []


def test_most_rows_beyond_their_files_are_another_unit(data):
    with pytest.raises(UserError, match="3 of 4 rows do not count samples"):
        fit(data(), [("", 0, 48000), *[("", 0, 90000)] * 3])
