"""av_dlg_lc.yaml as a user runs it: what it leaves, with some or all faces missing, killed, begun with other faces."""

import csv
import shutil
import signal

import pytest
import torch

from speechbrain_cadino.clusters.table import read_label_table
from speechbrain_cadino.faces.load import load_face_encoder
from tests.end_to_end.conftest import (
    assert_same_weights,
    die,
    run_script,
    run_until_killed,
    when_a_step_begins,
)
from tests.end_to_end.test_dlg_lc import STEPS, command, many_utterances, rows, run, when_iteration
from tests.faces.conftest import picture, save

SMALL_FACES = dict(
    face_size=16,
    face_embedding_dim=8,
    n_iterations=2,
    modalities=dict(
        face=dict(
            encoder=dict(embedding_model=dict(width=4, layers=[1, 1, 1, 1])),
            gate=dict(start_epoch=2, chance_fraction=0.0, min_weight=0.0, min_fraction=0.0),
        )
    ),
)
LEARNT = ("encoder", "classifier", "face_encoder", "face_classifier")


def av(corpus, output, faces, hparams="hparams/av_dlg_lc.yaml", **settings):
    return command(corpus, output, hparams, **{**SMALL_FACES, "face_folder": faces, **settings})


def write_faces(folder, sessions, frames=2):
    """A talker's picture with noise in each session's folder; ``alone/...`` is of nobody who speaks."""
    for session in sessions:
        for number in range(frames):
            save(folder / session / f"{number}.png", picture(int(session.split("/")[0][6:] or 9)))
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return many_utterances(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def sessions(corpus):
    """Of the training utterances, and two of the trials' alone."""
    return [*dict.fromkeys(name.rpartition("/")[0] for name in corpus.names), "talker6/s1", "talker7/s1"]


@pytest.fixture(scope="module")
def encoder(corpus, tmp_path_factory):
    output = tmp_path_factory.mktemp("start") / "run"
    run(*command(corpus, output, "hparams/finetune.yaml", label_fraction=0.5, number_of_epochs=2))
    return output / "encoder"


@pytest.fixture(scope="module")
def faces(sessions, tmp_path_factory):
    """A set for each session, one of somebody who does not speak; and pictures that are no good."""
    folder = write_faces(tmp_path_factory.mktemp("faces") / "all", [*sessions, "talker/alone"])
    (folder / sessions[0] / "2.png").write_bytes(b"")
    (folder / sessions[1] / "2.jpg").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def some_faces(faces, sessions, tmp_path_factory):
    """Without three sessions in ten, and one whose pictures cannot be read."""
    folder = tmp_path_factory.mktemp("faces") / "some"
    shutil.copytree(faces, folder)
    for session in sessions[1::4]:
        shutil.rmtree(folder / session)
    for path in (folder / sessions[2]).iterdir():
        path.write_bytes(path.read_bytes()[:50])
    return folder


@pytest.fixture(scope="module")
def iterated(corpus, encoder, faces, tmp_path_factory):
    output = tmp_path_factory.mktemp("iterated") / "run"
    return output, run(*av(corpus, output, faces, init=encoder), plots=True)


def test_each_iteration_leaves_both_encoders(iterated, corpus, encoder, faces):
    output, outcome = iterated
    for number in (1, 2):
        folder = output / f"iteration_{number}"
        names = {path.name for path in folder.rglob("*")}
        assert {"encoder", "face_encoder", "epoch0001.png", "face_epoch0001.png"} <= names
        net, metadata = load_face_encoder(folder / "face_encoder")
        assert net(torch.zeros(3, 3, 16, 16, dtype=torch.uint8)).shape == (3, 8) and metadata["mean_subtracted"]
        # At first the voices alone are clustered, so that what has none gets no label.
        alone = {"face:talker/alone"} if number == 2 else set()
        assert set(read_label_table(folder / "labels.csv").ids) == {*corpus.names} | alone
        last = rows(folder / "epochs.csv")[-1]
        assert {"fraction_kept", "face_fraction_kept", "face_gate_threshold"} <= set(last)
        assert float(last["face_fraction_skipped"]) == 0
    again = run(*av(corpus, output, faces, init=encoder))
    assert "nothing was done" in again.out


def test_trials_are_scored_by_both_as_verification_does(iterated, corpus, faces, tmp_path):
    output, outcome = iterated
    for number, row in enumerate(rows(output / "iterations.csv"), 1):
        folder, arguments = output / f"iteration_{number}", ["--output_folder", tmp_path / str(number)]
        arguments += ["--encoder", folder / "encoder", "--face_encoder", folder / "face_encoder"]
        arguments += ["--data_folder", corpus.lists["data_folder"]]
        arguments += ["--trials", corpus.lists["development_trials"], "--face_folder", faces]
        said = run_script("verify.py", *map(str, arguments)).out
        columns = [[cell.strip() for cell in line.strip("| ").split("|")] for line in said.splitlines() if "|" in line]
        place = columns[0].index("EER %")
        by_side = {line[1]: line[place] for line in columns[2:]}
        for side, name in {"face": "face_EER %", "together": "together_EER %"}.items():
            assert f"{float(row[name]):.2f}" == by_side[side]
    assert "together_EER %" in outcome.out


def test_faces_of_the_trials_may_be_elsewhere_or_lacking(corpus, encoder, faces, tmp_path):
    said = run_script(
        "train.py", *av(corpus, tmp_path / "run", faces, init=encoder, development_face_folder="nowhere")
    ).error()
    assert "nowhere does not exist: give development_face_folder" in said
    lacking = write_faces(tmp_path / "faces", ["talker/alone"])
    few = dict(init=encoder, n_iterations=1, number_of_epochs=2, development_face_folder=lacking)
    said = run(*av(corpus, tmp_path / "run", faces, **few))
    assert "0 recordings of the trial lists have a face: check development_face_folder" in said.out + said.err
    assert "face_EER %" not in rows(tmp_path / "run/iterations.csv")[0]


def test_what_is_no_face_is_told(iterated, corpus, sessions):
    output, outcome = iterated
    with open(output / "corpus/rejected_faces.csv") as file:
        rejected = {row["face"]: row["reason"] for row in csv.DictReader(file)}
    wanted = {f"{sessions[0]}/2.png": "is empty", f"{sessions[1]}/2.jpg": "not readable"}
    assert set(rejected) == set(wanted) and all(wanted[name] in rejected[name] for name in wanted), rejected
    # The faces of the sessions of trials are left out, also of talker6's other utterances.
    assert "60 of 64 utterances have a face, 1 faces have no utterance" in outcome.out
    assert "3 faces are left out for the trials" in outcome.out


def test_from_a_face_encoder_both_are_clustered_at_once(iterated, corpus, encoder, some_faces, tmp_path):
    """With some faces missing; the face encoder goes on, as the voice's does."""
    init_face = iterated[0] / "iteration_1/face_encoder"
    settings = dict(init=encoder, init_face=init_face, fresh_encoder=False, gate_rule="and", correction="mean")
    outcome = run(*av(corpus, tmp_path / "run", some_faces, **{**settings, "join": {"least_agreement": None}}))
    assert "utterances have no face, such as" in outcome.out
    for number in (1, 2):
        table = read_label_table(tmp_path / f"run/iteration_{number}/labels.csv")
        assert set(table.ids) == {*corpus.names, "face:talker/alone"}
    assert "face_encoder" in (tmp_path / "run/iteration_1/labels.json").read_text()


def while_a_face_encoder_is_kept():
    from speechbrain_cadino.faces.modality import Faces

    Faces.keep = die


@pytest.mark.parametrize("kill", [when_a_step_begins(2 * STEPS + 1), when_iteration(2, while_a_face_encoder_is_kept)])
def test_killed_it_goes_on_to_the_same_weights(iterated, corpus, encoder, faces, tmp_path, kill):
    how = dict(ckpt_interval_minutes=0, ckpt_interval_steps=2)
    moved = tmp_path / "moved"  # faces that lie elsewhere are the same
    shutil.copytree(faces, moved)
    output = tmp_path / "run"
    assert run_until_killed(kill, *av(corpus, output, faces, init=encoder, **how)) == -signal.SIGKILL
    run(*av(corpus, output, moved, init=encoder, **how))
    for number in (1, 2):
        parts = (folder / f"iteration_{number}" for folder in (iterated[0], output))
        assert_same_weights(*parts, names=LEARNT)


@pytest.fixture(scope="module")
def plain(corpus, encoder, tmp_path_factory):
    """The run of the voices."""
    output = tmp_path_factory.mktemp("plain") / "run"
    run(*command(corpus, output, init=encoder))
    return output


@pytest.mark.parametrize("kind", ["nobody", "unreadable"])
def test_without_any_face_it_is_the_run_of_the_voices(corpus, encoder, plain, tmp_path, kind):
    output, settings = tmp_path / "av", dict(init=encoder, gate_rule="and", correction="mean")
    faces = write_faces(tmp_path / "faces", ["talker/alone"])
    if kind == "unreadable":
        for path in faces.rglob("*.png"):
            path.write_bytes(b"")
        refused = run_script("train.py", *av(corpus, output, faces, **settings))
        assert "No face can be used" in refused.error()
        face = SMALL_FACES["modalities"]["face"]
        settings["modalities"] = {"face": {**face, "data": {"may_lack_all": True}}}
    outcome = run(*av(corpus, output, faces, **settings))
    assert "64 utterances have no face" in outcome.out
    said = {"nobody": "None of the 1 faces is of an utterance", "unreadable": "No item has a face"}[kind]
    assert said in outcome.err + outcome.out + (output / "log.txt").read_text()
    for number in (1, 2):
        parts = [folder / f"iteration_{number}" for folder in (plain, output)]
        assert_same_weights(*parts, names=("encoder", "classifier"))
        assert len({(part / "labels.csv").read_bytes() for part in parts}) == 1
        states = [torch.load(part / "encoder/embedding_model.ckpt") for part in parts]
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not list(output.rglob("face_encoder"))


@pytest.mark.parametrize("finished", [True, False])
def test_other_faces_are_refused(iterated, corpus, encoder, faces, some_faces, tmp_path, finished):
    """As another encoder is; nothing of the folder is touched."""
    output, number = tmp_path / "run", 2 if finished else 3  # more iterations may be asked for
    shutil.copytree(iterated[0], output)
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*") if path.is_file()}
    face_encoder = iterated[0] / "iteration_1/face_encoder"
    for what, given in (("face_folder", dict(face_folder=some_faces)), ("init_face", dict(init_face=face_encoder))):
        settings = {"init": encoder, "n_iterations": number, **given}
        said = run_script("train.py", *av(corpus, output, faces, **settings)).error()
        assert f"was begun with {what}" in said
    assert before == {path: path.stat().st_mtime_ns for path in output.rglob("*") if path.is_file()}


def test_a_finished_run_whose_face_encoder_is_gone_is_not_finished(iterated, corpus, encoder, faces, tmp_path):
    output = tmp_path / "run"
    shutil.copytree(iterated[0], output)
    (output / "iteration_2/face_encoder/face_encoder.ckpt").unlink()
    assert "nothing was done" not in run(*av(corpus, output, faces, init=encoder)).out


@pytest.mark.parametrize(
    "settings, said",
    [
        (dict(face_folder="nowhere"), "The face folder nowhere does not exist"),
        (dict(init_face="nowhere"), "nowhere"),
        (dict(face_size=8), "face_size is 8, and must be"),
        (dict(face_embedding_dim=0), "face_embedding_dim is 0, and must be"),
        (dict(gate_rule="xor"), "gate_rule is xor, and must be one of own, and, or"),
        (dict(join=dict(how="gait")), "join is 'gait': set one of concat, voice, face, split, ensemble"),
        (dict(modalities=dict(face=dict(data=dict(colour=True)))), "colour"),
    ],
)
def test_mistakes(corpus, encoder, faces, tmp_path, settings, said):
    arguments = av(corpus, tmp_path / "run", faces, **{"init": encoder, **settings})
    assert said in run_script("train.py", *arguments).error()
    assert not list((tmp_path / "run").rglob("CKPT*"))
