"""``embed``: what comes in, what comes out in each format, and what becomes of bad files and killed runs."""

import csv
import os
import re
import shutil
import signal

import numpy as np
import pyarrow.parquet
import pytest
import soundfile

from speechbrain_cadino.encoder import embed as embed_module
from speechbrain_cadino.encoder import of_files
from speechbrain_cadino.encoder.table_files import read_table, write_table
from speechbrain_cadino.faces.export import export_face_encoder
from speechbrain_cadino.inference import FaceEncoder, SpeakerEncoder
from speechbrain_cadino.utils import files
from speechbrain_cadino.utils.errors import UserError
from tests.faces.conftest import picture, save, tiny_face_encoder

GOOD = ["a.wav", "b.flac", "c.ogg", "d.wav", "e.opus", "f.wav"]
BAD = ["empty.wav", "short.wav", "silent.wav", "text.wav"]


@pytest.fixture
def good(data, tmp_path):
    """The good files, some in sub-folders whose names have blanks and other letters."""
    places = dict(zip(GOOD, ["", "deep/er", "Zoë", "with blank", "", "東京"]))
    for name, place in places.items():
        (tmp_path / "wav" / place).mkdir(parents=True, exist_ok=True)
        shutil.copy(data / name, tmp_path / "wav" / place / name)
    return {f"{place}/{name}".lstrip("/"): tmp_path / "wav" / place / name for name, place in places.items()}


@pytest.mark.parametrize("suffix", ["parquet", "npz", "csv"])
def test_a_folder(cli, folder, good, tmp_path, suffix):
    out = tmp_path / f"x.{suffix}"
    (tmp_path / "wav/notes.txt").write_text("not audio")
    status, said, err = cli("embed", tmp_path / "wav", "--encoder", folder, "-o", out)
    assert status == 0 and said == f"6 embeddings of 12 numbers are in {out}.\n", err
    table, seconds = read_table(out)
    assert table.ids.tolist() == sorted(good)
    wanted = SpeakerEncoder.from_folder(folder).encode_files([good[name] for name in sorted(good)])
    np.testing.assert_allclose(table.embeddings, wanted, atol=1e-5)
    np.testing.assert_allclose(seconds, [soundfile.info(good[name]).duration for name in sorted(good)], atol=1e-3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wav", out.name]
    if suffix == "parquet":
        found = pyarrow.parquet.read_table(out)
        assert found.column_names == ["ID", "duration", "embedding"]
        assert found["embedding"].to_pylist()[0] == pytest.approx(table[0].tolist())
    elif suffix == "npz":
        assert sorted(np.load(out)) == ["durations", "embeddings", "ids"]


def test_bad_files_are_counted_listed_and_told_by_the_exit_status(cli, data, folder, tmp_path):
    out = tmp_path / "x.npz"
    status, said, _ = cli("embed", data, "--encoder", folder, "-o", out)
    rows = list(csv.reader(open(tmp_path / "x.npz_rejected.csv", encoding="utf-8")))
    assert status == 3 and "6 embeddings" in said and "4 files could not be used" in said
    assert rows[0] == ["wav", "reason"] and sorted(row[0] for row in rows[1:]) == BAD
    assert read_table(out).table.ids.tolist() == GOOD
    shutil.copytree(data, tmp_path / "less", ignore=lambda *_: BAD)
    assert cli("embed", tmp_path / "less", "--encoder", folder, "-o", out)[0] == 0
    assert not (tmp_path / "x.npz_rejected.csv").exists(), "that of the call before"


@pytest.mark.parametrize("bad", BAD)
def test_strict_stops(cli, data, folder, tmp_path, bad):
    status, _, err = cli("embed", data / "a.wav", data / bad, "--encoder", folder, "-o", tmp_path / "x.npz", "--strict")
    assert status == 1 and err.count("error: ") == 1 and bad in err and not (tmp_path / "x.npz").exists()


def test_lists_and_files(cli, data, folder, good, tmp_path, monkeypatch):
    listed, out = tmp_path / "list.txt", tmp_path / "x.npz"
    listed.write_bytes("\ufeffwith blank/d.wav\r\nZoë/c.ogg\r\n\r\nnowhere.wav\r\nZoë/c.ogg\r\n".encode())
    status, said, _ = cli("embed", listed, "--data_folder", tmp_path / "wav", "--encoder", folder, "-o", out)
    assert status == 3 and "nowhere.wav cannot be opened" in said
    assert read_table(out).table.ids.tolist() == ["with blank/d.wav", "Zoë/c.ogg"]

    monkeypatch.chdir(tmp_path)
    for sources in (["wav/a.wav"], ["wav/a.wav", "wav/Zoë", "wav/a.wav"]):
        assert cli("embed", *sources, "--encoder", folder, "-o", out)[0] == 0
        wanted = ["wav/a.wav", "wav/Zoë/c.ogg"][: min(2, len(sources))]
        assert read_table(out).table.ids.tolist() == wanted

    rows = tmp_path / "rows.csv"
    rows.write_text("ID,wav\none,$data_root/a.wav\ntwo,$data_root/a.wav\n")
    assert cli("embed", rows, "--data_folder", "wav", "--encoder", folder, "-o", out)[0] == 0
    table = read_table(out).table
    assert table.ids.tolist() == ["one", "two"] and np.array_equal(*table.embeddings)


def test_killed_it_goes_on(cli, data, folder, tmp_path, monkeypatch):
    """Each shard that is done is kept, and what is put in its place shows no half result."""
    real, calls = embed_module._forward, []

    def stop(net, waves):
        calls.append(len(waves))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(net, waves)

    monkeypatch.setattr("speechbrain_cadino.encoder.extract.Shards", lambda *a: small_shards(*a[:-1]))
    monkeypatch.setattr(embed_module, "_forward", stop)
    out, arguments = tmp_path / "x.npz", ["embed", *(data / name for name in GOOD), "--encoder", folder]
    assert cli(*arguments, "-o", out)[0] == 130 and not out.exists()
    done = len(list((tmp_path / ".x.npz.partial").glob("shard_*.npz")))
    assert cli(*arguments, "-o", out)[0] == 0 and done == 2 and len(calls) == 3 + 6 - done
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]
    shutil.copy(data / "b.flac", tmp_path / "b.flac")


@pytest.mark.parametrize("killed", ["while it writes", "while it removes what it has kept"])
def test_killed_at_the_end_nothing_is_left_over(cli, data, folder, tmp_path, killed):
    out, arguments = tmp_path / "x.npz", ["embed", data / "a.wav", "--encoder", folder]
    process = os.fork()
    if process == 0:
        if killed == "while it writes":
            files.sync = lambda path: os.kill(os.getpid(), signal.SIGKILL) if path.name.endswith("x.npz") else None
        else:
            of_files.remove_made = lambda kept, made: (
                (kept / "embeddings.json").unlink(),
                os.kill(os.getpid(), signal.SIGKILL),
            )
        cli(*arguments, "-o", out)
        os._exit(0)
    assert os.waitpid(process, 0)[1] == signal.SIGKILL and len(os.listdir(tmp_path)) == 1 + out.exists()
    assert cli(*arguments, "-o", out)[0] == 0 and os.listdir(tmp_path) == ["x.npz"]


def small_shards(*arguments):
    from speechbrain_cadino.encoder.shards import Shards

    return Shards(*arguments, 1)


def test_faces(cli, tmp_path):
    encoder = export_face_encoder(tiny_face_encoder(), tmp_path / "face_encoder")
    for name in ("one/a.png", "one/b c.jpg", "top.png"):
        save(tmp_path / "faces" / name, picture(len(name)))
    (tmp_path / "faces/one/bad.jpg").write_bytes(b"no picture")
    out = tmp_path / "x.npz"
    status, said, _ = cli("embed", tmp_path / "faces", "--face", "--encoder", encoder, "-o", out)
    table, seconds = read_table(out)
    assert status == 3 and "one/bad.jpg" in said and seconds is None
    assert table.ids.tolist() == ["one/a.png", "one/b c.jpg", "top.png"]
    paths = [tmp_path / "faces" / name for name in table.ids.tolist()]
    np.testing.assert_allclose(table.embeddings, FaceEncoder.from_folder(encoder).encode_files(paths), atol=1e-5)
    (tmp_path / "list.txt").write_text("one/a.png\none\nnowhere.png\n")  # a folder: the mean of its frames
    arguments = ["--data_folder", tmp_path / "faces", "--face", "--encoder", encoder, "-o", out]
    status, said, _ = cli("embed", tmp_path / "list.txt", *arguments)
    assert status == 3 and "nowhere.png does not exist" in said and read_table(out).table.ids.tolist()[1] == "one"
    for source, reason in ((tmp_path / "empty", "No picture"), (tmp_path / "nowhere", "does not exist")):
        (tmp_path / "empty").mkdir(exist_ok=True)
        status, _, err = cli("embed", source, *arguments[2:])
        assert status == 1 and reason in err and "Traceback" not in err


def test_mistakes_are_one_sentence(cli, data, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text/a.txt").write_text("a")
    (tmp_path / "list.csv").write_text("ID,wav\na,a.wav\n")
    (tmp_path / "list.txt").write_text("a.wav\n")
    cases = [
        ([tmp_path / "empty"], "No audio .* is in .*empty"),
        ([tmp_path / "text"], "No audio"),
        ([tmp_path / "nowhere"], "nowhere cannot be read"),
        ([data / "text.wav"], "None of 1 files .* not readable as audio"),
        ([data / "silent.wav"], "silent.wav is silent"),
        ([tmp_path / "list.txt"], "None of 1 files of .*list.txt can be used"),
        ([data / "a.wav", tmp_path / "list.txt"], "list.txt is a list, and there is more"),
        ([data, "--device", "abacus"], "device abacus"),
        ([data, "--batch_seconds", "0.01"], "batch_seconds"),
        ([data, "-o", tmp_path / "x.txt"], "suffix '.txt': call the output .parquet, .npz or .csv"),
        ([data, "-o", tmp_path / "x"], "suffix ''"),
        ([tmp_path / "list.csv", "-o", tmp_path / "list.csv"], "both read and written"),
        ([data, "--encoder", tmp_path], "holds no encoder"),
        ([data, "--face"], "encoder of voices, and one of faces is wanted"),
    ]
    for arguments, reason in cases:
        before = sorted(tmp_path.iterdir())
        usual = {"--encoder": folder, "-o": tmp_path / "out.npz"}
        fixed = [text for name, value in usual.items() if name not in arguments for text in (name, value)]
        status, _, err = cli("embed", *fixed, *arguments)
        assert status == 1 and "Traceback" not in err
        assert re.search(f"^error: .*{reason}", err.strip().split("\n")[-1]), err
        assert not (tmp_path / "out.npz").exists()
        for path in {*tmp_path.iterdir()} - {*before}:
            assert path.name == ".out.npz.partial"
            shutil.rmtree(path)


@pytest.mark.parametrize("suffix", ["parquet", "npz", "csv"])
@pytest.mark.parametrize("seconds", [True, False])
def test_tables_come_back(tmp_path, suffix, seconds):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        n, dim = rng.integers(1, 40), rng.integers(1, 9)
        ids = [f'{number} "ü",\t{rng.integers(9)}' for number in range(n)]
        embeddings, times = rng.normal(size=(n, dim)).astype(np.float32), rng.uniform(0, 9, n) if seconds else None
        write_table(tmp_path / f"x.{suffix}", ids, embeddings, times)
        found = read_table(tmp_path / f"x.{suffix}")
        assert found.table.ids.tolist() == ids and np.array_equal(found.table.embeddings, embeddings)
        assert found.seconds is None if times is None else np.allclose(found.seconds, times)


def test_a_list_of_ids_beside_those_of_the_file_is_refused(tmp_path):
    (tmp_path / "ids.txt").write_text("x\ny\n")
    for suffix in ("parquet", "csv", "npz"):
        write_table(tmp_path / f"x.{suffix}", ["a", "b"], np.eye(2))
        with pytest.raises(UserError, match="has its IDs in it"):
            read_table(tmp_path / f"x.{suffix}", tmp_path / "ids.txt")


@pytest.mark.parametrize("suffix", ["parquet", "npz", "csv"])
def test_bad_tables_are_one_sentence(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    with pytest.raises(UserError, match="o such file"):
        read_table(path)
    for content in (b"", b"no table", b"\xff\xfe\x00"):
        path.write_bytes(content)
        with pytest.raises(UserError, match=f"{path}"):
            read_table(path)
    for ids, values, reason in ((["a", "a"], 1.0, "more than once"), (["a", "b"], np.nan, "not finite")):
        write_table(path, ids, np.full((2, 3), values))
        with pytest.raises(UserError, match=reason):
            read_table(path)


def test_a_file_of_another_kind_is_not_replaced_by_what_is_rejected(cli, data, folder, tmp_path):
    mine = tmp_path / "x.npz_rejected.csv"
    mine.write_text("precious")
    status, _, err = cli("embed", data / "a.wav", "--encoder", folder, "-o", tmp_path / "x.npz")
    assert status == 1 and f"{mine} lists what cannot be used" in err and mine.read_text() == "precious"
    assert not (tmp_path / "x.npz").exists()


def test_a_data_folder_that_would_do_nothing(cli, data, folder, tmp_path):
    for source in (data, data / "a.wav"):
        status, _, err = cli("embed", source, "--data_folder", data, "--encoder", folder, "-o", tmp_path / "x.npz")
        assert status == 1 and "--data_folder is what the names in a list or CSV start from" in err
