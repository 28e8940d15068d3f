"""A corpus embedded in memory, in shards, after a kill and by several ranks: the same embeddings each time."""

import csv
import logging
import os
import sys
import threading

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_cadino.corpus.audio import read_audio
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.encoder import extract, shards
from speechbrain_cadino.encoder.extract import extract_embeddings
from speechbrain_cadino.utils.errors import UserError


@pytest.fixture
def manifest(tmp_path):
    """Seven utterances of five files: other rates and formats, and pieces of one file."""
    rng = np.random.default_rng(0)
    for name, rate in (("a.wav", 16000), ("b.flac", 8000), ("c.ogg", 16000), ("d.wav", 44100), ("long.wav", 16000)):
        soundfile.write(tmp_path / name, 0.1 * rng.standard_normal(rate), rate)
    wavs = [str(tmp_path / name) for name in ("a.wav", "b.flac", "c.ogg", "d.wav", *["long.wav"] * 3)]
    starts, stops = [0, 0, 0, 0, 0, 4000, 10000], [16000, 16000, 8000, 16000, 4000, 10000, 16000]
    return Manifest([f"u{row}" for row in range(7)], wavs, starts, stops)


@pytest.fixture
def embedded(monkeypatch):
    """Count the shards that are really computed."""
    calls, real = [], extract.embed_utterances
    monkeypatch.setattr(extract, "embed_utterances", lambda *args: calls.append(len(args[2])) or real(*args))
    return calls


def plain(net, manifest):
    waves = [read_audio(row["wav"], row["start"], row["stop"]) for row in (manifest[i] for i in range(len(manifest)))]
    with torch.no_grad():
        return np.stack([net(torch.from_numpy(wave)[None])[0].numpy() for wave in waves])


@pytest.mark.parametrize("shard_size", [1, 3, 100])
@pytest.mark.parametrize("on_disk", [False, True])
def test_equals_one_by_one(make_net, manifest, tmp_path, shard_size, on_disk):
    net, folder = make_net(), tmp_path / "out" / "embeddings" if on_disk else None
    embeddings, ids = extract_embeddings(net, manifest, folder, shard_size=shard_size, progress=False)
    assert ids == [f"u{row}" for row in range(7)] and embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, plain(net, manifest), rtol=1e-4, atol=1e-5)
    if on_disk:
        np.testing.assert_array_equal(np.load(folder / "embeddings.npy"), embeddings)
        assert (folder / "ids.txt").read_text().split() == ids
        assert sorted(path.name for path in folder.iterdir()) == [
            "embeddings.json", "embeddings.npy", "ids.txt", "rejected.csv",
        ]  # fmt: skip


@pytest.mark.parametrize("name", ["embeddings.npy", "ids.txt", "rejected.csv"])
def test_what_was_kept_and_is_damaged_is_made_anew_and_said(make_net, manifest, tmp_path, name, embedded, caplog):
    net, folder = make_net(), tmp_path / "kept"
    before = extract_embeddings(net, manifest, folder, progress=False)
    path = folder / name
    path.unlink() if name == "rejected.csv" else path.write_bytes(path.read_bytes()[:-5])
    after = extract_embeddings(net, manifest, folder, progress=False)
    assert len(embedded) == 2 and "cannot be read" in caplog.text and "made anew" in caplog.text
    assert np.array_equal(after[0], before[0]) and after[1] == before[1] == [f"u{row}" for row in range(7)]


def test_a_damaged_shard_is_made_anew(make_net, manifest, tmp_path, monkeypatch, embedded):
    net, folder = make_net(), tmp_path / "kept"
    with monkeypatch.context() as patched:
        patched.setattr(shards.Shards, "_merge", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            extract_embeddings(net, manifest, folder, shard_size=3, progress=False)
    broken = sorted(folder.glob("shard_*"))[1]
    broken.write_bytes(broken.read_bytes()[:-5])
    embeddings, ids = extract_embeddings(net, manifest, folder, shard_size=3, progress=False)
    assert len(embedded) == 4 and ids == [f"u{row}" for row in range(7)]
    np.testing.assert_allclose(embeddings, plain(net, manifest), rtol=1e-4, atol=1e-5)


def test_found_again_until_something_changes(make_net, manifest, tmp_path, embedded):
    net = make_net()
    first = extract_embeddings(net, manifest, tmp_path / "out", progress=False)
    again = extract_embeddings(net, manifest, tmp_path / "out", progress=False)
    assert embedded == [7] and again[1] == first[1]
    np.testing.assert_array_equal(again[0], first[0])

    extract_embeddings(net, manifest.subset([0, 1, 2]), tmp_path / "out", progress=False)
    assert embedded == [7, 3]
    extract_embeddings(net, manifest.subset([0, 1, 2]), tmp_path / "out", max_seconds=0.5, progress=False)
    assert embedded == [7, 3, 3]
    with torch.no_grad():
        net.embedding_norm.bias[0] += 1
    embeddings, _ = extract_embeddings(net, manifest, tmp_path / "out", progress=False)
    assert embedded == [7, 3, 3, 7]
    np.testing.assert_allclose(embeddings - first[0], np.eye(12)[[0] * 7], atol=1e-4)
    narrow = make_net(fbank=dict(f_max=4000))
    narrow.load_state_dict(net.state_dict())
    extract_embeddings(narrow, manifest, tmp_path / "out", progress=False)
    assert embedded == [7, 3, 3, 7, 7]


def test_goes_on_after_a_kill(make_net, manifest, tmp_path, monkeypatch, embedded):
    net = make_net()

    def killed(path, start, stop):
        if path.endswith("c.ogg"):
            raise KeyboardInterrupt
        return read_audio(path, start, stop)

    monkeypatch.setattr(extract, "read_row", killed)
    with pytest.raises(KeyboardInterrupt):
        extract_embeddings(net, manifest, tmp_path / "out", shard_size=2, threads=1, progress=False)
    assert not (tmp_path / "out" / "embeddings.json").exists()
    before = len(embedded)
    monkeypatch.setattr(extract, "read_row", read_audio)
    embeddings, _ = extract_embeddings(net, manifest, tmp_path / "out", shard_size=2, progress=False)
    assert before == 2 and len(embedded) == 2 + 3, "one shard of four was done, the second was cut short"
    np.testing.assert_allclose(embeddings, plain(net, manifest), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("world_size", [2, 3, 5])
def test_ranks_share_the_work(make_net, manifest, tmp_path, monkeypatch, embedded, world_size):
    monkeypatch.setattr(shards, "POLL_SECONDS", 0.01)
    net, results = make_net(), {}

    def run(rank):
        results[rank] = extract_embeddings(
            net, manifest, tmp_path / "out", rank=rank, world_size=world_size, shard_size=2, progress=False
        )

    ranks = [threading.Thread(target=run, args=(rank,)) for rank in range(world_size)]
    for rank in ranks[::-1]:
        rank.start()
    for rank in ranks:
        rank.join(timeout=30)
    assert sorted(embedded) == [1, 2, 2, 2], "each shard once"
    for rank in range(world_size):
        np.testing.assert_allclose(results[rank][0], plain(net, manifest), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("on_disk", [False, True])
def test_unusable_utterances(make_net, manifest, tmp_path, caplog, on_disk):
    net, folder = make_net(), tmp_path / "out" if on_disk else None
    wanted = plain(net, manifest)[[0, 2, 4, 5, 6]]
    (tmp_path / "b.flac").unlink()
    soundfile.write(tmp_path / "d.wav", np.zeros(44100), 44100)
    with caplog.at_level(logging.WARNING):
        embeddings, ids = extract_embeddings(net, manifest, folder, shard_size=2, progress=False)
    assert ids == ["u0", "u2", "u4", "u5", "u6"]
    np.testing.assert_allclose(embeddings, wanted, rtol=1e-4, atol=1e-5)
    assert "2 of 7 utterances cannot be embedded, the first because" in caplog.text
    if on_disk:
        with open(folder / "rejected.csv", newline="") as file:
            rejected = {row["ID"]: row["reason"] for row in csv.DictReader(file)}
        assert set(rejected) == {"u1", "u3"} and "No such file" in rejected["u1"] and "silent" in rejected["u3"]
        assert extract_embeddings(net, manifest, folder, progress=False)[1] == ids, "found again"
    with pytest.raises(UserError, match="2 of 7 utterances cannot be embedded.*(b.flac|d.wav)"):
        extract_embeddings(net, manifest, folder, strict=True, progress=False)
    with pytest.raises(UserError, match="1 of 1 utterances"):
        extract_embeddings(net, manifest.subset([1]), folder, progress=False)


def test_nothing_to_embed(make_net, manifest):
    with pytest.raises(UserError, match="no utterances"):
        extract_embeddings(make_net(), manifest.subset([]))


def test_progress_bar_is_optional(make_net, manifest, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    extract_embeddings(make_net(), manifest, progress=False)
    assert not capsys.readouterr().err
    extract_embeddings(make_net(), manifest)
    assert "7/7" in capsys.readouterr().err


@pytest.mark.parametrize("row", [0, 3, 6])
def test_made_anew_where_a_file_was_replaced_by_one_of_equal_length(make_net, manifest, tmp_path, embedded, row):
    net, path = make_net(), manifest.wavs[row]
    first, _ = extract_embeddings(net, manifest, tmp_path / "out", progress=False)
    status, rate = os.stat(path), soundfile.info(path).samplerate
    samples = np.random.default_rng(1).standard_normal(rate)
    soundfile.write(path, 0.1 * samples, rate)
    assert os.stat(path).st_size == status.st_size
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    again, _ = extract_embeddings(net, manifest, tmp_path / "out", progress=False)
    assert embedded == [7, 7]
    np.testing.assert_allclose(again, plain(net, manifest), rtol=1e-4, atol=1e-5)
    changed = ~np.isclose(first, again, atol=1e-4).all(axis=1)
    assert changed.tolist() == [wav == path for wav in manifest.wavs.tolist()]


@pytest.mark.parametrize("name", ["embeddings.npy", "ids.txt", "rejected.csv"])
def test_embeddings_that_were_not_made_here_are_not_replaced(make_net, manifest, tmp_path, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("of the user")
    with pytest.raises(UserError, match=f"holds {name}, which was not made here"):
        extract_embeddings(make_net(), manifest, tmp_path / "out", progress=False)
    assert (tmp_path / "out" / name).read_text() == "of the user"


def test_other_files_in_the_folder_stay(make_net, manifest, tmp_path):
    (tmp_path / "out").mkdir()
    names = {"shard_of_the_user.npz", "notes.txt"}
    for name in names:
        (tmp_path / "out" / name).write_text("of the user")
    extract_embeddings(make_net(), manifest, tmp_path / "out", progress=False)
    assert names < set(os.listdir(tmp_path / "out"))


class NaNFor(torch.nn.Module):
    """An encoder that breaks at waves of some lengths (all, if there are none)."""

    def __init__(self, net, *lengths):
        super().__init__()
        self.net, self.lengths = net, lengths
        self.compute_features, self.mean_var_norm = net.compute_features, net.mean_var_norm
        self.embedding_model, self.embedding_dim = net.embedding_model, net.embedding_dim
        self.frames, self.hop, self.max_seconds = net.frames, net.hop, net.max_seconds

    def forward(self, waves):
        broken = not self.lengths or waves.shape[1] in self.lengths
        return self.net(waves) * (torch.nan if broken else 1)


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize(
    "lengths, said",
    [
        ([8000], "1 of 7 utterances, the first u2 (FOLDER/c.ogg): look at these files"),
        ([4000, 6000], "3 of 7 utterances, the first u4 (FOLDER/long.wav): look"),  # pieces of 4000, 6000, 6000
        ([], "7 of 7 utterances, the first u0 (FOLDER/a.wav): its weights are no good"),
    ],
)
def test_an_encoder_that_gives_no_numbers_is_told_by_the_utterance(
    make_net, manifest, tmp_path, lengths, said, on_disk
):
    folder = tmp_path / "out" if on_disk else None
    for _ in range(2):  # the second time they are found again
        with pytest.raises(UserError) as error:
            extract_embeddings(NaNFor(make_net(), *lengths), manifest, folder, shard_size=2, progress=False)
        assert said.replace("FOLDER", str(tmp_path)) in str(error.value)
