"""The map of embeddings."""

import numpy as np

from speechbrain_cadino.report.embedding_map import map_panel, places
from speechbrain_cadino.report.run import Training, read_run


def test_clusters_that_are_apart_stay_apart_and_the_map_is_always_the_same():
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(5), 20)
    embeddings = (rng.normal(size=(5, 16)) * 4)[of] + rng.normal(size=(100, 16)) * 0.3
    found = places(embeddings)
    assert found.shape == (100, 2)
    distances = np.linalg.norm(found[:, None] - found, axis=2) + np.diag(np.full(100, np.inf))
    assert np.mean(of[distances.argmin(axis=1)] == of) > 0.95
    np.testing.assert_array_equal(found, places(embeddings))


def test_older_runs_are_drawn_from_what_was_clustered(tmp_path, monkeypatch):
    monkeypatch.setattr("speechbrain_cadino.report.embedding_map.places", lambda embeddings: embeddings[:, :2])
    rng = np.random.default_rng(0)
    ids = [f"a, {i}" for i in range(60)]
    for folder, table in ((tmp_path / "two/embeddings", "labels.csv"), (tmp_path / "ca/clusters/embeddings", None)):
        folder.mkdir(parents=True)
        np.save(folder / "embeddings.npy", rng.normal(size=(60, 4)).astype(np.float32))
        (folder / "ids.txt").write_text("".join(f"{each}\n" for each in ids))
        path = tmp_path / "two" / table if table else tmp_path / "ca/clusters/labels_epoch0004.csv"
        lines = [f'"{each}",{number % 4},0.5' for number, each in enumerate(ids)][:50]  # ten have no label
        path.write_text("\n".join(["ID,cluster,distance", *lines]) + "\n")
        panel = map_panel(Training(path.parent if table else tmp_path / "ca"))
        assert "60 training utterances, embeddings that the clusters were made of, 4 clusters" in panel.caption


def test_few_or_broken_embeddings_are_no_map(tmp_path, dino):
    assert map_panel(Training(tmp_path)) is None
    training = read_run(dino).trainings[0]
    training.arrays["map_embeddings"] = training.arrays["map_embeddings"] * np.float16(np.nan)
    assert map_panel(training) is None
