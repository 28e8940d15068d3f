"""The model card: what the hub reads, what a stranger reads, what stays private, and its code, which runs."""

import json
import logging
import os
import re

import numpy as np
import pytest
import soundfile
import yaml

from speechbrain_cadino.encoder.export import export_encoder
from speechbrain_cadino.encoder.folder import CARD
from speechbrain_cadino.faces.export import export_face_encoder
from speechbrain_cadino.publish.card import MARKER, leave_card, write_card
from speechbrain_cadino.utils.errors import UserError
from tests.encoder.conftest import tiny_encoder
from tests.faces.conftest import tiny_face_encoder
from tests.publish.conftest import export

INFO = {
    "epochs": 20,
    "utterances": 12345,
    "files": 901,
    "hours": 7.25,
    "verdict": "learned",
    "half_rank": {"exported_half_rank": 0.9908, "half_rank_without_refit": 0.985, "init_half_rank": 0.984},
    "last_layer_refit": True,
    "did it learn": "Did it learn? LEARNED: 900 utterances.\nThat of --init (/home/me/secret/encoder) has 0.984.",
    "development list": {"EER %": 4.756944, "minDCF(0.01)": 0.4416, "minDCF(0.05)": 0.324},
    "development list, --init": {"EER %": 6.4583, "minDCF(0.01)": 0.525, "minDCF(0.05)": 0.4465},
}
SETTINGS = {
    "output_folder": "/home/me/secret/run",
    "development_trials": "secret/trials.txt",
    "prepare_options.speaker_pattern": "^(secret)",
    "noise_folder": None,
    "held_out_trials": ["secret.txt"],
    "seed": 1986,
    "lr": 0.002,
    "crops.global_seconds": 2.0,
    "speed_factors": [0.9, 1.0],
    "embedding_model": "!new:speechbrain_cadino.encoder.ecapa.ECAPA_TDNN",
    "classifier": "!new:secret_project.Classifier",
    "brain_class": "!name:speechbrain_cadino.dlg_lc.brain.DLGLCBrain",
    "f_max": 3800,
    "gate_mode": "dynamic+correction",
    "embeddings": None,
    "trust_init": False,
}


def front_and_rest(path):
    _, front, rest = path.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), rest


@pytest.fixture
def run_folder(tmp_path):
    """A run of stage II as it is left: the record lies two folders above the encoder."""
    folder = export(tmp_path / "secret" / "iteration_1" / "encoder", info=INFO)
    (tmp_path / "secret" / "run.json").write_text(json.dumps({"settings": {"resolved": SETTINGS}}))
    (tmp_path / "secret" / "iteration_1" / "run.json").write_text(json.dumps({"part_of": "secret"}))
    return folder


def test_what_the_hub_reads(run_folder):
    front, rest = front_and_rest(write_card(run_folder, "cc-by-4.0"))
    assert front["library_name"] == "speechbrain" and front["license"] == "cc-by-4.0" and front["datasets"] == []
    assert front["pipeline_tag"] == "feature-extraction" and "speaker-verification" in front["tags"]
    hub = pytest.importorskip("huggingface_hub")
    data = hub.ModelCard.load(run_folder / CARD).data
    assert data.library_name == "speechbrain" and data.license == "cc-by-4.0"


def test_all_that_is_known_and_nothing_private(run_folder):
    text = write_card(run_folder).read_text(encoding="utf-8")
    for known in (
        "7.25 hours of speech, 12,345 utterances, 901 files",
        "gate and label correction (DLG-LC)",
        "| network | ECAPA_TDNN |",
        "| this encoder | 4.757 | 0.4416 | 0.324 |",
        "| the encoder that its training began from | 6.458 | 0.525 | 0.4465 |",
        "| this encoder | 0.991 |",
        "| the encoder that its training began from | 0.984 |",
        "What training said at its end: Did it learn? LEARNED: 900 utterances.",
        "A cosine of **0.3100** or more",
        "How it was found: by test.",
        "| `lr` | `0.002` |",
        "| `speed_factors` | `[0.9, 1.0]` |",
        "It hears up to 3800 Hz",
        "Licence: unknown. **Fill in the field `license` above**",
    ):
        assert known in text, known
    assert "secret" not in text and "/home" not in text and "| `seed`" not in text
    assert str(run_folder) not in text


@pytest.mark.parametrize(
    "given, said",
    [
        (
            {"embeddings": "/home/me/large.npz", "gate_mode": "none"},
            "embeddings of its training recordings that another",
        ),
        ({"labels": "/home/me/labels.csv"}, "Its first labels were given"),
        ({"label_fraction": 0.1, "gate_mode": "none"}, "It was trained on true labels"),
        ({"init": "/home/me/ecapa", "trust_init": True}, "It began from an encoder that was made elsewhere"),
        ({"front_end_weights": "/home/me/wavlm.pth"}, "Its front-end has weights that were made elsewhere"),
    ],
)
def test_what_others_have_taught_is_said_and_not_called_self_supervised(run_folder, given, said):
    record = run_folder.parents[1] / "run.json"
    front, rest = front_and_rest(write_card(run_folder))
    assert "self-supervised" in front["tags"] and "No label of a speaker was used" in rest
    record.write_text(json.dumps({"settings": {"resolved": SETTINGS | given}}))
    front, rest = front_and_rest(write_card(run_folder))
    assert "self-supervised" not in front["tags"] and said in rest and "No label of a speaker" not in rest
    assert "7.25 hours of speech" in rest and "/home" not in rest
    assert ("(DLG-LC)" in rest) == ("gate_mode" not in given)


def test_what_is_not_known_is_left_out(tmp_path):
    folder = export_encoder(tiny_encoder(), tmp_path / "encoder")
    text = write_card(folder).read_text(encoding="utf-8").partition("## Use")[0]
    assert "## Data" not in text and "## Results" not in text and "## Settings" not in text
    assert "There is none: choose one on trials of your own" in text and "None" not in text and "null" not in text
    assert "## Method" in text and "| size of an embedding | 12 |" in text


@pytest.mark.parametrize("record", ["{", "[]", '{"settings": {"written": {}}}', '{"settings": {"resolved": 3}}'])
def test_a_damaged_record_says_less(record, tmp_path):
    folder = export(tmp_path / "encoder")
    (tmp_path / "run.json").write_text(record)
    assert "## Settings" not in write_card(folder).read_text(encoding="utf-8")


def test_the_licence_of_training_is_kept_until_another_is_given(tmp_path):
    folder = export(tmp_path / "encoder", info={"license": "mit"})
    assert front_and_rest(write_card(folder))[0]["license"] == "mit"
    assert front_and_rest(write_card(folder, "other"))[0]["license"] == "other"
    for bad in ("CC BY 4.0", "", "a\nb: c"):
        with pytest.raises(UserError, match="license is"):
            write_card(folder, bad)


def test_a_card_of_ours_is_replaced_and_no_other(encoder_folder, caplog):
    card = write_card(encoder_folder)
    card.write_text(card.read_text(encoding="utf-8") + "\nstale\n", encoding="utf-8")
    assert write_card(encoder_folder) == card and "stale" not in card.read_text(encoding="utf-8")
    export(encoder_folder)  # an export itself leaves what it did not make
    assert MARKER in card.read_text(encoding="utf-8")
    mine = card.read_text(encoding="utf-8").replace(MARKER, "")
    card.write_text(mine, encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert write_card(encoder_folder) is None
    assert "left as it is" in caplog.text and card.read_text(encoding="utf-8") == mine
    card.unlink()
    card.mkdir()
    assert write_card(encoder_folder) is None and card.is_dir()


def test_a_failure_leaves_the_older_card_and_costs_no_training(encoder_folder, monkeypatch, caplog):
    card = write_card(encoder_folder)
    before = card.read_bytes()

    def fail(path, text):
        path.write_text(text[:10])
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("speechbrain_cadino.publish.card.write_text", fail)
    with caplog.at_level(logging.WARNING):
        leave_card(encoder_folder)
    assert "has no model card" in caplog.text and card.read_bytes() == before
    assert not [name for name in os.listdir(encoder_folder) if name.startswith(".")]


def test_a_folder_without_encoder(tmp_path, caplog):
    leave_card(tmp_path)
    assert os.listdir(tmp_path) == [] and not caplog.records
    with pytest.raises(UserError, match="holds no encoder"):
        write_card(tmp_path)


@pytest.mark.parametrize("faces", [False, True])
def test_no_card_of_a_damaged_encoder(faces, tmp_path):
    folder = tmp_path / "encoder"
    export_face_encoder(tiny_face_encoder(), folder) if faces else export(folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(UserError, match="model.safetensors was changed or damaged"):
        write_card(folder)
    assert not (folder / CARD).exists()


def test_a_face_encoders_card(tmp_path):
    folder = export_face_encoder(tiny_face_encoder(), tmp_path / "face_encoder", info={"epochs": 3, "items": 900})
    front, rest = front_and_rest(write_card(folder))
    assert front["pipeline_tag"] == "image-feature-extraction" and front["library_name"] == "speechbrain-cadino"
    assert "900 faces" in rest and "16 x 16 pixels" in rest and "FaceEncoder.from_folder" in rest
    assert "from_hparams" not in rest and "Hz" not in rest and "waves" not in rest


def code_of(folder, tmp_path):
    text = write_card(folder).read_text(encoding="utf-8")
    return [code.replace("FOLDER", str(folder)) for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]


def test_the_cards_code_runs_and_agrees(with_onnx, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, 0.1 * rng.standard_normal(40001), 16000)
    monkeypatch.chdir(tmp_path)
    found = []
    for code in code_of(with_onnx, tmp_path):
        names = {}
        exec(code, names)
        found.append((float(names["score"]), bool(names["same"])))
    (with_onnx / CARD).unlink()
    assert len(found) == 3 and len({same for _, same in found}) == 1
    np.testing.assert_allclose([score for score, _ in found], found[0][0], rtol=0, atol=1e-4)


def test_the_code_of_a_face_encoders_card_runs_and_agrees(faces_with_onnx, tmp_path, monkeypatch):
    PIL = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        PIL.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    scores = []
    for code in code_of(faces_with_onnx, tmp_path):
        names = {}
        exec(code, names)
        scores.append(float(names["score"]))
    (faces_with_onnx / CARD).unlink()
    assert len(scores) == 2 and abs(scores[0] - scores[1]) < 1e-4
