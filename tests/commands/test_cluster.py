"""``cluster``: known groups are found, in audio and in embeddings, and what is told of few or odd files."""

import csv
import shutil

import numpy as np
import pytest
import soundfile

from speechbrain_cadino.clusters.of_files import cluster_files
from speechbrain_cadino.clusters.table import read_label_table
from speechbrain_cadino.encoder.table_files import write_table


def groups(sizes, dim=16, spread=0.05, seed=0):
    """Embeddings around directions of their own, and the number of each one's direction."""
    rng = np.random.default_rng(seed)
    centers = np.linalg.qr(rng.normal(size=(dim, dim)))[0][: len(sizes)]
    places = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return (centers[places] + spread * rng.normal(size=(len(places), dim))).astype(np.float32), places


def equal(labels, places):
    return len({*zip(labels, places)}) == len({*labels}) == len({*places})


@pytest.mark.parametrize("suffix", ["parquet", "npz", "csv", "npy"])
def test_groups_of_embeddings(cli, tmp_path, suffix):
    embeddings, places = groups([9, 7, 5, 3])
    ids = [f"Zoë {number}/x.wav" for number in range(len(places))]
    path, out = tmp_path / f"x.{suffix}", tmp_path / "clusters.csv"
    if suffix == "npy":
        np.save(path, embeddings)
        (tmp_path / "names.txt").write_text("".join(f"{name}\n" for name in ids))
        extra = ["--ids", tmp_path / "names.txt"]
    else:
        write_table(path, ids, embeddings, np.full(len(ids), 30.0))
        extra = []
    status, said, err = cli("cluster", path, "-o", out, "--summary", tmp_path / "summary.csv", *extra)
    assert status == 0 and "24 files in 4 clusters, 0 of one file alone" in said, err
    table = read_label_table(out)
    assert table.ids.tolist() == ids and equal(table.clusters.tolist(), places.tolist())
    rows = list(csv.DictReader(open(tmp_path / "summary.csv", encoding="utf-8")))
    assert [int(row["files"]) for row in rows] == [9, 7, 5, 3] and [int(row["cluster"]) for row in rows] == [0, 1, 2, 3]
    assert suffix == "npy" or [float(row["minutes"]) for row in rows] == [4.5, 3.5, 2.5, 1.5]
    for row in rows:
        own = table.clusters == int(row["cluster"])
        assert row["most typical"] == table.ids[own][np.argmin(table.distances[own])]
    for number in (1, 2, 24):
        status, said, _ = cli("cluster", path, "-o", out, "-n", number, *extra)
        assert status == 0 and f"24 files in {number} clusters" in said


@pytest.fixture
def voices(tmp_path):
    """Four files of each of three colours of noise, of two rates and with two channels, and one that is no audio."""
    rng, folder = np.random.default_rng(0), tmp_path / "wav"
    folder.mkdir()
    for number in range(12):
        noise = rng.standard_normal((20000, 1 + number % 2))
        for _ in range(number % 3):
            noise = np.cumsum(noise - noise.mean(axis=0), axis=0)
        soundfile.write(folder / f"{number}.wav", 0.3 * noise / np.abs(noise).max(), 8000 if number > 6 else 16000)
    (folder / "bad.wav").write_bytes(b"")
    return folder


def test_a_folder_of_audio(cli, folder, voices, tmp_path):
    out = tmp_path / "clusters.csv"
    status, said, err = cli("cluster", voices, "--encoder", folder, "-n", 3, "-o", out)
    assert status == 3 and "1 files could not be used" in said, err
    assert "bad.wav" in (tmp_path / "clusters_embeddings.npz_rejected.csv").read_text()
    table = read_label_table(out)
    assert len(table) == 12 and table.clusters.max() == 2
    again = tmp_path / "again.csv"
    status, said, _ = cli("cluster", tmp_path / "clusters_embeddings.npz", "-n", 3, "-o", again)
    assert status == 0 and again.read_bytes() == out.read_bytes() and "minutes" in said
    assert cli("cluster", *sorted(voices.glob("1*.wav")), "--encoder", folder, "-n", 2, "-o", out)[0] == 0


def test_mistakes(cli, folder, voices, tmp_path):
    embeddings, _ = groups([2, 1])
    write_table(tmp_path / "three.npz", ["a", "b", "c"], embeddings)
    write_table(tmp_path / "one.npz", ["a"], embeddings[:1])
    shutil.copy(tmp_path / "three.npz", tmp_path / "other.csv")
    write_table(tmp_path / "table.csv", ["a", "b", "c"], np.eye(3))
    out = tmp_path / "out.csv"
    cases = [
        ([tmp_path / "three.npz"], "There are 3 files, too few"),
        ([tmp_path / "one.npz"], "There are 1 files, too few"),
        ([tmp_path / "three.npz", "-n", 4], "n_clusters is 4 for 3 files"),
        ([tmp_path / "nowhere.npz"], "o such file"),
        ([tmp_path / "other.csv"], "other.csv"),
        ([voices], "give --encoder, to embed its audio"),
        ([voices / "1.wav"], "1.wav cannot be read"),
        ([tmp_path / "three.npz", "--encoder", folder], "leave --encoder out"),
        ([tmp_path / "three.npz", "-o", tmp_path / "x.txt"], "call it .csv"),
        ([tmp_path / "three.npz", "--summary", out], "both"),
        ([voices, "--encoder", folder, "--ids", "x"], "leave one out"),
        ([tmp_path / "three.npz", "--data_folder", voices], "--data_folder does nothing with embeddings"),
        ([tmp_path / "table.csv", "--ids", "x"], "has its IDs in it"),
        ([voices / "bad.wav", "--encoder", folder], "None of 1 files"),
    ]
    for arguments, said in cases:
        status, _, err = cli("cluster", *(() if "-o" in arguments else ("-o", out)), *arguments)
        assert status == 1 and said in err and "Traceback" not in err, err
        assert not out.exists()
    for number in ("0", "-1", "many", "2.5", "²"):
        status, _, err = cli("cluster", tmp_path / "three.npz", "-o", out, "-n", number)
        assert status == 2 and "nor auto" in err


def test_copies_of_one_voice(cli, tmp_path):
    write_table(tmp_path / "x.npz", [str(number) for number in range(8)], np.ones((8, 4)))
    status, _, err = cli("cluster", tmp_path / "x.npz", "-o", tmp_path / "out.csv")
    assert status == 0, err
    status, said, _ = cli("cluster", tmp_path / "x.npz", "-n", 1, "-o", tmp_path / "out.csv")
    assert status == 0 and "8 files in 1 clusters" in said


@pytest.mark.parametrize("seed", range(5))
def test_the_largest_comes_first(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, 5)
    embeddings, places = groups(sizes, seed=seed)
    found = cluster_files(np.array([str(number) for number in range(len(places))]), embeddings, 5)
    assert equal(found.table.clusters.tolist(), places.tolist()) and found.n_clusters == 5
    assert [row["files"] for row in found.summary()] == sorted(sizes.tolist(), reverse=True)


def test_options_that_would_do_nothing_or_cannot_be(cli, voices, folder, tmp_path):
    write_table(tmp_path / "x.npz", list("abcdefgh"), groups([4, 4])[0])
    out = tmp_path / "out.csv"
    (tmp_path / "ids.csv").write_text("a\n")
    np.save(tmp_path / "x.npy", groups([1])[0])
    cases = [
        ([tmp_path / "x.npz", "--ids", tmp_path / "ids.csv"], 1, "has its IDs in it"),
        ([tmp_path / "x.npz", "--data_folder", "nowhere"], 1, "--data_folder does nothing with embeddings"),
        ([tmp_path / "x.npz", "--device", "cuda"], 1, "--device does nothing with embeddings"),
        ([tmp_path / "x.npz", "--seed", "-1"], 2, "seed"),
        ([tmp_path / "x.npz", "-n", 2, "-n", 3], 2, "is given 2 times"),
        ([tmp_path / "x.npy", "--ids", tmp_path / "ids.csv", "--summary", tmp_path / "ids.csv"], 1, "both read and"),
        ([voices, "--encoder", folder, "--data_folder", voices], 1, "--data_folder is what the names in a list"),
    ]
    for arguments, wanted, said in cases:
        status, _, err = cli("cluster", "-o", out, *arguments)
        assert status == wanted and said in err and not out.exists(), (arguments, err)


def test_fewer_clusters_than_asked_for_are_told(cli, tmp_path):
    write_table(tmp_path / "x.npz", [str(number) for number in range(8)], np.ones((8, 4)))
    status, said, _ = cli("cluster", tmp_path / "x.npz", "-n", 5, "-o", tmp_path / "out.csv")
    assert status == 0 and "5 clusters were asked for: of so few different embeddings there are only 1." in said
    assert "nan" not in said
