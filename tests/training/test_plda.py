"""A PLDA of an encoder: which utterances, and which labels."""

import numpy as np
import pytest

from speechbrain_cadino.clusters.mutual_information import adjusted_mutual_information
from speechbrain_cadino.clusters.table import LabelTable
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.training import plda as module
from speechbrain_cadino.training.plda import plda_of_utterances
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.plda_fit import fit_plda

SPEAKERS = np.repeat(np.arange(12), 8)
IDS = [f"u{row:03}" for row in range(len(SPEAKERS))]


@pytest.fixture
def embeddings(monkeypatch):
    """In place of an encoder: points about a dozen means. The utterance u005 cannot be embedded."""
    rng = np.random.default_rng(0)
    points = (rng.normal(size=(12, 6))[SPEAKERS] + 0.1 * rng.normal(size=(len(SPEAKERS), 6))).astype(np.float32)

    def extract(net, manifest, folder, **extraction):
        rows = [IDS.index(name) for name in manifest.ids.tolist() if name != "u005"]
        return points[rows], [IDS[row] for row in rows]

    monkeypatch.setattr(module, "extract_embeddings", extract)
    return points


def manifest():
    return Manifest(IDS, [f"{name}.wav" for name in IDS], [0] * len(IDS), [16000] * len(IDS))


def test_labels_of_a_table_are_joined_by_id(embeddings, tmp_path, caplog):
    order = np.random.default_rng(1).permutation(len(IDS))[:80]  # the table lacks 16
    LabelTable([IDS[row] for row in order], 5 * SPEAKERS[order]).write(tmp_path / "labels.csv")
    found = plda_of_utterances(None, manifest(), tmp_path / "labels.csv")
    rows = np.array(sorted(set(order.tolist()) - {5}))
    wanted = fit_plda(embeddings[rows], SPEAKERS[rows])
    np.testing.assert_allclose(found.between, wanted.between)
    np.testing.assert_allclose(found.mean, wanted.mean)
    assert "16 of 96 utterances are not in the label table" in caplog.text


def test_without_a_table_there_are_clusters(embeddings, monkeypatch):
    fitted = []
    monkeypatch.setattr(module, "fit_plda", lambda x, labels, seed: fitted.append(labels) or fit_plda(x, labels))
    plda_of_utterances(None, manifest())
    assert adjusted_mutual_information(fitted[0], np.delete(SPEAKERS, 5)) > 0.95
    monkeypatch.setattr(module, "MAX_CLUSTERED", 60)
    plda_of_utterances(None, manifest(), seed=2)
    assert 59 <= len(fitted[1]) <= 60


def test_without_clusters_it_is_said_what_helps(embeddings):
    embeddings[:] = np.random.default_rng(3).normal(size=embeddings.shape)
    with pytest.raises(UserError, match="PLDA has no labels to learn from. No number .*--plda_labels"):
        plda_of_utterances(None, manifest())
