"""Faces embedded in memory, in shards, after a kill and by several ranks: the same embeddings each time."""

import csv
import logging
import os
import threading

import numpy as np
import pytest
import torch

from speechbrain_cadino.encoder import shards
from speechbrain_cadino.faces import embed, extract
from speechbrain_cadino.faces.embed import embed_faces, evenly_spaced
from speechbrain_cadino.faces.extract import extract_face_embeddings
from speechbrain_cadino.faces.images import read_image
from speechbrain_cadino.faces.manifest import FaceManifest
from speechbrain_cadino.utils.errors import UserError

from .conftest import picture, save


def plain(net, faces, n_frames=5):
    """One picture at a time."""
    rows = []
    for row in range(len(faces)):
        frames = faces.frames(row)
        chosen = [frames[place] for place in evenly_spaced(len(frames), n_frames)]
        with torch.no_grad():
            rows.append(torch.cat([net(read_image(path, net.size)[None]) for path in chosen]).mean(0).numpy())
    return np.stack(rows)


@pytest.fixture
def embedded(monkeypatch):
    """Count the faces that are really embedded, shard by shard."""
    calls, real = [], extract.embed_faces
    monkeypatch.setattr(extract, "embed_faces", lambda *args: calls.append(len(args[1])) or real(*args))
    return calls


def test_evenly_spaced_frames():
    for count in range(1, 40):
        for n in range(1, 8):
            places = evenly_spaced(count, n)
            assert len(places) == len(set(places)) == min(count, n) and 0 <= min(places) and max(places) < count
            gaps = np.diff([-1 - places[0], *places, 2 * count - 1 - places[-1]])
            assert gaps.max() - gaps.min() <= 2


@pytest.mark.parametrize("shard_size", [1, 4, 100])
@pytest.mark.parametrize("on_disk", [False, True])
def test_equals_one_by_one(make_face_net, faces, tmp_path, embedded, shard_size, on_disk):
    net, folder = make_face_net(), tmp_path / "out" if on_disk else None
    mixed = faces.subset([4, 0, 3, 5, 1, 2])
    embeddings, ids = extract_face_embeddings(net, mixed, folder, shard_size=shard_size, batch_size=3, progress=False)
    assert ids == mixed.ids.tolist() and embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, plain(net, mixed), rtol=1e-4, atol=1e-5)
    assert sum(embedded) == (5 if shard_size > 1 or not on_disk else 6), "a shared face once a shard"
    if on_disk:
        assert (folder / "ids.txt").read_text().split() == ids
        np.testing.assert_array_equal(np.load(folder / "embeddings.npy"), embeddings)


def test_one_frame(make_face_net, faces):
    net = make_face_net()
    embeddings, _ = extract_face_embeddings(net, faces, n_frames=1, progress=False)
    np.testing.assert_allclose(embeddings, plain(net, faces, 1), rtol=1e-4, atol=1e-5)


def test_found_again_until_something_changes(make_face_net, faces, tmp_path, embedded):
    net = make_face_net()

    def looked(net=net, faces=faces, **options):
        embedded.clear()
        extract_face_embeddings(net, faces, tmp_path / "out", progress=False, **options)
        return sum(embedded)

    assert [looked(), looked()] == [5, 0]
    assert [looked(faces=faces.subset([0, 4])), looked(faces=faces.subset([0, 4]))] == [2, 0]
    assert [looked(n_frames=2), looked(n_frames=2)] == [5, 0]
    with torch.no_grad():
        net.projection.bias[0] += 1
    assert [looked(n_frames=2), looked(n_frames=2)] == [5, 0]
    path = faces.frames(4)[3]
    status = os.stat(path)
    save(tmp_path / "faces" / "f2" / "003.jpg", picture(77))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert [looked(n_frames=2), looked(n_frames=2)] == [5, 0]


def test_goes_on_after_a_kill(make_face_net, faces, tmp_path, monkeypatch, embedded):
    net, real = make_face_net(), read_image

    def killed(path, size):
        if "/f1/" in path:
            raise KeyboardInterrupt
        return real(path, size)

    monkeypatch.setattr(embed, "read_image", killed)
    with pytest.raises(KeyboardInterrupt):
        extract_face_embeddings(net, faces, tmp_path / "out", shard_size=1, threads=1, progress=False)
    before = len(embedded)
    monkeypatch.setattr(embed, "read_image", real)
    embeddings, _ = extract_face_embeddings(net, faces, tmp_path / "out", shard_size=1, progress=False)
    assert before > 1 and len(embedded) == 7, "only the shard that was cut short is done again"
    np.testing.assert_allclose(embeddings, plain(net, faces), rtol=1e-4, atol=1e-5)


def test_ranks_share_the_work(make_face_net, faces, tmp_path, monkeypatch, embedded):
    monkeypatch.setattr(shards, "POLL_SECONDS", 0.01)
    net, results = make_face_net(), {}

    def run(rank):
        results[rank] = extract_face_embeddings(
            net, faces, tmp_path / "out", rank=rank, world_size=2, shard_size=2, progress=False
        )

    ranks = [threading.Thread(target=run, args=(rank,)) for rank in (1, 0)]
    for thread in ranks:
        thread.start()
    for thread in ranks:
        thread.join(timeout=30)
    assert len(embedded) == 3, "each shard once"
    for rank in range(2):
        np.testing.assert_allclose(results[rank][0], plain(net, faces), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("on_disk", [False, True])
def test_bad_pictures(make_face_net, faces, tmp_path, caplog, on_disk):
    net, folder = make_face_net(), tmp_path / "out" if on_disk else None
    wanted = plain(net, faces)
    open(faces.paths[1], "w").close()
    for path in faces.frames(2):
        os.remove(path)
    for place in (1, 2):
        open(faces.frames(3)[place], "w").close()
    with caplog.at_level(logging.WARNING):
        embeddings, ids = extract_face_embeddings(net, faces, folder, progress=False)
    assert ids == ["u0", "u3", "u4", "u5"]
    np.testing.assert_allclose(embeddings[[0, 2, 3]], wanted[[0, 4, 5]], rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        left = net(read_image(faces.frames(3)[0], net.size)[None])[0].numpy()
    np.testing.assert_allclose(embeddings[1], left, rtol=1e-4, atol=1e-5)
    assert "2 of 6 faces cannot be embedded, the first because" in caplog.text
    if on_disk:
        with open(folder / "rejected.csv", newline="") as file:
            rejected = {row["ID"]: row["reason"] for row in csv.DictReader(file)}
        assert set(rejected) == {"u1", "u2"} and "empty" in rejected["u1"] and "No such file" in rejected["u2"]
    with pytest.raises(UserError, match="2 of 6 faces cannot be embedded"):
        extract_face_embeddings(net, faces, folder, strict=True, progress=False)
    with pytest.raises(UserError, match="1 of 1 faces"):
        extract_face_embeddings(net, faces.subset([1]), folder, progress=False)


def test_where_the_chosen_frames_are_bad_another_is_taken(make_face_net, faces):
    net, frames = make_face_net(), faces.frames(4)
    open(frames[3], "w").close()
    embeddings, failures = embed_faces(net, [lambda: frames], n_frames=1)
    with torch.no_grad():
        wanted = net(read_image(frames[0], net.size)[None])[0].numpy()
    np.testing.assert_allclose(embeddings[0], wanted, rtol=1e-4, atol=1e-5)
    assert failures == {}


def test_an_encoder_that_gives_no_numbers(make_face_net, faces):
    net = make_face_net()
    with torch.no_grad():
        net.projection.bias[0] = torch.nan
    with pytest.raises(UserError, match=r"not finite for 6 of 6 faces, the first u0 \(.*p0.png\): its weights"):
        extract_face_embeddings(net, faces, progress=False)


def test_mistakes(make_face_net, faces, tmp_path):
    with pytest.raises(UserError, match="no faces to embed"):
        extract_face_embeddings(make_face_net(), faces.subset([]))
    with pytest.raises(UserError, match="n_frames is 0"):
        extract_face_embeddings(make_face_net(), faces, n_frames=0, progress=False)
    gone = FaceManifest.of(["a"], [str(tmp_path / "gone")])
    with pytest.raises(UserError, match="1 of 1 faces cannot be embedded.*no frames"):
        extract_face_embeddings(make_face_net(), gone, progress=False)


def test_modes_are_put_back(make_face_net, faces):
    net = make_face_net().train()
    net.embedding_norm.eval()
    before = net.embedding_norm.running_mean.clone()
    extract_face_embeddings(net, faces, progress=False)
    assert net.training and not net.embedding_norm.training and torch.equal(net.embedding_norm.running_mean, before)
