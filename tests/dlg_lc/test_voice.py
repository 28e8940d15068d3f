"""Which modalities a YAML has, and what of them does not fit together."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
from torch import nn

from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.dlg_lc.aam import AAMSoftmax, CosineClassifier
from speechbrain_cadino.dlg_lc.gate import DynamicLossGate
from speechbrain_cadino.dlg_lc.precomputed import Precomputed
from speechbrain_cadino.dlg_lc.side import further_settings
from speechbrain_cadino.dlg_lc.voice import Voice, find_items, modalities_of
from speechbrain_cadino.encoder.precomputed import PrecomputedEncoder
from speechbrain_cadino.training.schedules import Constant
from speechbrain_cadino.utils.errors import UserError

GIVEN, TRAINED = Precomputed("x", 4), SimpleNamespace(is_given=False)


def settings(**changes):
    entry = dict(data=GIVEN, encoder=PrecomputedEncoder(4), classifier=CosineClassifier(4, 2), gate=DynamicLossGate(2))
    shared = dict(aam=AAMSoftmax(), corrector=None, margin_schedule=Constant(0.2))
    return {**shared, "modalities": {"face": {**entry, **changes}}}


def test_the_first_one_leads():
    assert list(modalities_of(settings())) == ["voice", "face"]
    assert isinstance(modalities_of(settings())["voice"], Voice) and list(modalities_of({})) == ["voice"]
    assert modalities_of({"voice_data": GIVEN})["voice"] is GIVEN


@pytest.mark.parametrize(
    "changes, said",
    [
        (dict(init="F"), "modalities.face.init is F, and its embeddings are given"),
        (
            dict(encoder=nn.Linear(4, 4)),
            "modalities.face.data gives embeddings, and its encoder is .* Linear",
        ),
        (dict(data=TRAINED), "modalities.face has no init: write init: null"),
        (
            dict(data=TRAINED, init=None),
            "face.data does not give embeddings, and its encoder is .* Precomp",
        ),
        (dict(encoder=PrecomputedEncoder(5)), "modalities.face has embedding_dim 4 in data and 5 in encoder"),
        (dict(data=None), "modalities.face has no data: set encoder, classifier, gate, data of each modality"),
        (dict(gate=3), "modalities.face.gate is 3, and must be an object of .*LossGate"),
    ],
)
def test_what_does_not_fit_together(changes, said):
    with pytest.raises(UserError, match=said):
        modalities_of(settings(**changes))


def test_what_an_entry_leaves_at_null_is_that_of_the_first_one():
    given = settings(aam=None, margin_schedule=None)
    entry = further_settings(given)["face"]
    assert entry["margin_schedule"] is given["margin_schedule"] and entry["aam"].scale == given["aam"].scale


def test_items_of_given_voices_and_faces(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    for name, ids in {"voices": ["b", "a", "other"], "faces": ["c", "a"]}.items():
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "embeddings.npy", np.arange(4.0 * len(ids)).reshape(-1, 4))
        (tmp_path / name / "ids.txt").write_text("\n".join(ids))
    manifest = Manifest(["a", "none", "b"], ["x"] * 3, [0] * 3, [1] * 3, ["s", "t", "u"], ["1", "2", "3"])
    given = {name: Precomputed(str(tmp_path / name), 4) for name in ("voices", "faces")}
    items = find_items({"voice": given["voices"], "face": given["faces"]}, manifest, tmp_path)
    assert "Of 3 items there are 2 with a voice, 2 with a face, 1 with all." in caplog.text
    assert items.ids.tolist() == ["a", "b", "c"] and items.spk_ids.tolist() == ["s", "u", ""]
    assert items.first.embeddings[:, 0].tolist() == [4, 0] and "1 of 3 utterances have no embedding" in caplog.text
    nobody = Manifest(["z"], ["x"], [0], [1])
    with pytest.raises(UserError, match="No training utterance has an embedding in .*: its IDs are like b, .* like z"):
        find_items({"voice": given["voices"]}, nobody, tmp_path)


def write_given(folder, ids):
    folder.mkdir()
    np.save(folder / "embeddings.npy", np.arange(4.0 * len(ids)).reshape(-1, 4))
    (folder / "ids.txt").write_text("\n".join(ids))
    return Precomputed(str(folder), 4)


def test_given_embeddings_of_the_trials_are_no_items(tmp_path, caplog):
    """A table of a whole corpus has those of the trials, too, whatever their IDs look like."""
    caplog.set_level(logging.INFO)
    out = ["id3/v/1.wav", "dev/id3/w/1.flac", "ID4--v--1", "id5-v-00001_0.0_3.0", "id6/v/1"]
    ids = ["id1/v/1.wav", *out, "id3/v/2.wav", "id7/v/1.wav"]
    (tmp_path / "a.txt").write_text("1 id3/v/1.wav id3/w/1.wav\n0 id4/v/1.wav id5/v/00001.wav\n")
    (tmp_path / "b.txt").write_text("0 /data/wav/id6/v/1.wav id1/v/1.wav\n")
    manifest = Manifest(["id1/v/1.wav", "id2/v/1.wav"], ["x"] * 2, [0] * 2, [1] * 2)
    modalities = {"voice": Voice(), "face": write_given(tmp_path / "faces", ids)}
    trials = [tmp_path / "a.txt", tmp_path / "b.txt"]
    items = find_items(modalities, manifest, tmp_path, trials)
    assert items.ids.tolist() == ["id1/v/1.wav", "id2/v/1.wav", "id3/v/2.wav", "id7/v/1.wav"]
    assert items.parts["face"].embeddings[:, 0].tolist() == [0, 24, 28]
    assert "5 of face are left out for the trials, such as id3/v/1.wav" in caplog.text


def test_that_no_given_embedding_is_of_an_utterance_is_told(tmp_path, caplog):
    manifest = Manifest(["a", "b"], ["x"] * 2, [0] * 2, [1] * 2)
    find_items({"voice": Voice(), "face": write_given(tmp_path / "faces", ["a.wav", "b.wav"])}, manifest, tmp_path)
    assert (
        "None of the 2 embeddings in" in caplog.text
        and "are like a.wav, those of the utterances like a." in caplog.text
    )
