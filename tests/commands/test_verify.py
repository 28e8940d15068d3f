"""``verify``: models of several files, lists without labels, names with blanks, cohorts of all forms, and decisions."""

import csv
import shutil

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_cadino.commands.verify import _doubts
from speechbrain_cadino.corpus.audio import read_audio
from speechbrain_cadino.encoder.export import export_encoder
from speechbrain_cadino.verification.calibration import Calibration
from speechbrain_cadino.verification.decisions import Decider
from speechbrain_cadino.verification.plda_fit import fit_plda
from tests.encoder.conftest import tiny_encoder

NAMES = ["a.wav", "b.flac", "c.ogg", "d.wav", "e.opus", "f.wav"]
CALIBRATION = Calibration(-2.0, 5.0, 0.1, -0.2, (0.5, 3.0))


@pytest.fixture(scope="session")
def encoder(tmp_path_factory, net, mean):
    """An encoder with a threshold and a calibration that goes by durations."""
    return export_encoder(
        net, tmp_path_factory.mktemp("calibrated") / "encoder", mean, threshold=0.4, calibration=CALIBRATION.as_dict()
    )


@pytest.fixture
def verify(cli, encoder, data, tmp_path):
    """Give a function that runs verify: (exit status, stdout, stderr)."""

    def call(*arguments, data_folder=data, encoder=encoder):
        fixed = ["--encoder", encoder, "--data_folder", data_folder, "-o", tmp_path / "out"]
        return cli("verify", *fixed, *arguments)

    return call


@pytest.fixture
def unit(net, mean, data):
    """Embeddings of length 1 by name, as the exported encoder gives them."""
    with torch.no_grad():
        found = {name: net(torch.from_numpy(read_audio(data / name))[None])[0].numpy() - mean for name in NAMES}
    return {name: value / np.linalg.norm(value) for name, value in found.items()}


def table(path):
    return list(csv.DictReader(open(path, encoding="utf-8")))


def test_decisions(verify, unit, data, tmp_path):
    trials = tmp_path / "t.txt"
    trials.write_text("1 a.wav b.flac\n0 a.wav c.ogg\n1 d.wav e.opus\n0 b.flac f.wav\n")
    status, said, err = verify("--trials", trials)
    assert status == 0, err
    rows = table(tmp_path / "out/decisions_t.csv")
    assert list(rows[0]) == ["label", "enrol", "test", "cosine", "accepted", "log_odds"]
    accepted = {"1": [], "0": []}
    for row in rows:
        cosine = unit[row["enrol"]] @ unit[row["test"]]
        seconds = [len(read_audio(data / row[side])) / 16000 for side in ("enrol", "test")]
        assert float(row["cosine"]) == pytest.approx(cosine, abs=1e-5)
        assert float(row["log_odds"]) == pytest.approx(CALIBRATION.log_odds(cosine, *seconds), abs=1e-3)
        assert row["accepted"] == str(int(cosine >= 0.4))
        accepted[row["label"]].append(cosine >= 0.4)
    numbers = dict(zip(*([cell.strip() for cell in line.split("|")] for line in said.splitlines()[0:3:2])))
    assert float(numbers["FAR %"]) == pytest.approx(100 * np.mean(accepted["0"]), abs=0.01)
    assert float(numbers["FRR %"]) == pytest.approx(100 - 100 * np.mean(accepted["1"]), abs=0.01)
    assert int(numbers["accepted"]) == sum(map(sum, accepted.values()))
    assert verify("--trials", trials, "--threshold", "-1")[0] == 0
    assert {row["accepted"] for row in table(tmp_path / "out/decisions_t.csv")} == {"1"}


def test_lists_without_labels_and_names_with_blanks(verify, unit, data, tmp_path):
    folder, trials = tmp_path / "wav with blank", tmp_path / "new.txt"
    (folder / "Zoë 1").mkdir(parents=True)
    for name in NAMES:
        shutil.copy(data / name, folder / "Zoë 1" / f"my {name}")
    trials.write_bytes('\ufeff"Zoë 1/my a.wav" "Zoë 1/my b.flac"\r\nZoë 1/my c.ogg\tZoë 1/my d.wav\r\n'.encode())
    status, said, err = verify("--trials", trials, data_folder=folder)
    assert status == 0 and "EER" not in said and "FAR" not in said and "accepted" in said, err
    lines = [line.split("\t") for line in (tmp_path / "out/scores_new.txt").read_text(encoding="utf-8").splitlines()]
    assert [line[:2] for line in lines] == [["Zoë 1/my a.wav", "Zoë 1/my b.flac"], ["Zoë 1/my c.ogg", "Zoë 1/my d.wav"]]
    assert float(lines[0][2]) == pytest.approx(unit["a.wav"] @ unit["b.flac"], abs=1e-5)
    rows = table(tmp_path / "out/decisions_new.csv")
    assert list(rows[0]) == ["enrol", "test", "cosine", "accepted", "log_odds"] and rows[1]["enrol"] == "Zoë 1/my c.ogg"


def test_models_of_several_files(verify, unit, tmp_path):
    models, trials = tmp_path / "models.txt", tmp_path / "t.txt"
    models.write_text("anna a.wav\nanna b.flac\na.wav c.ogg\nanna a.wav\n")  # a model may be called as a file is
    trials.write_text("1 anna d.wav\n0 a.wav a.wav\n0 anna f.wav\n")
    status, said, err = verify("--trials", trials, "--models", models)
    assert status == 0 and "models of several files score higher" in said, err
    both = (unit["a.wav"] + unit["b.flac"]) / 2
    both /= np.linalg.norm(both)
    wanted = [both @ unit["d.wav"], unit["c.ogg"] @ unit["a.wav"], both @ unit["f.wav"]]
    lines = [line.split() for line in (tmp_path / "out/scores_t.txt").read_text().splitlines()]
    assert [line[:3] for line in lines] == [["1", "anna", "d.wav"], ["0", "a.wav", "a.wav"], ["0", "anna", "f.wav"]]
    np.testing.assert_allclose([float(line[3]) for line in lines], wanted, atol=1e-5)
    assert "The encoder's log-odds are" in verify("--trials", trials, "--models", models, "--threshold", 0.5)[1]


def test_models_are_centered_before_their_mean_is_taken(verify, net, mean, data, tmp_path):
    (tmp_path / "m.txt").write_text("anna a.wav\nanna b.flac\n")
    (tmp_path / "t.txt").write_text("anna c.ogg\n")
    (tmp_path / "mean.txt").write_text("e.opus\nf.wav\n")
    status, _, err = verify(
        "--trials", tmp_path / "t.txt", "--models", tmp_path / "m.txt", "--mean", tmp_path / "mean.txt"
    )
    assert status == 0, err
    with torch.no_grad():
        found = {name: net(torch.from_numpy(read_audio(data / name))[None])[0].numpy() - mean for name in NAMES}
    center = (found["e.opus"] + found["f.wav"]) / 2
    one, two, three = ((found[name] - center) / np.linalg.norm(found[name] - center) for name in NAMES[:3])
    wanted = (one + two) @ three / np.linalg.norm(one + two)
    assert float((tmp_path / "out/scores_t.txt").read_text().split()[2]) == pytest.approx(wanted, abs=1e-4)


def test_a_cohort_by_folder_list_or_csv_is_one_and_leaves_models_out(verify, data, tmp_path):
    cohort = tmp_path / "cohort"
    (cohort / "sub").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(4):
        soundfile.write(cohort / f"sub/{number} x.wav", 0.1 * rng.standard_normal((9000, 1 + number % 2)), 8000)
    shutil.copy(data / "a.wav", cohort / "copy.wav")  # of a model's file, byte for byte
    shutil.copy(data / "f.wav", cohort / "f.wav")
    (cohort / "bad.wav").write_text("no audio")
    (tmp_path / "m.txt").write_text("anna a.wav\nanna b.flac\n")
    (tmp_path / "t.txt").write_text("1 anna c.ogg\n0 anna f.wav\n")
    (tmp_path / "list.txt").write_text("".join(f"sub/{number} x.wav\n" for number in range(4)))
    (tmp_path / "list.csv").write_text("ID,wav\n" + "".join(f"{n},$data_root/sub/{n} x.wav\n" for n in range(4)))
    arguments = ["--trials", tmp_path / "t.txt", "--models", tmp_path / "m.txt"]
    scores = []
    for source, extra in (
        (cohort, []),
        *((tmp_path / name, ["--cohort_folder", cohort]) for name in ("list.txt", "list.csv")),
    ):
        status, said, err = verify(*arguments, "--top_n", 3, "--cohort", source, *extra)
        assert status == 0, err
        scores.append((tmp_path / "out/scores_t_as_norm.txt").read_text())
        assert source != cohort or "2 files of" in said and "bad.wav" in said and "copies" in said
    assert scores[0] == scores[1] == scores[2]
    shown = [line.split("|")[3].strip() for line in said.splitlines() if line.startswith("| t ")]
    assert shown == ["cosine", "AS-norm"]
    rows = table(tmp_path / "out/decisions_t.csv")
    assert [row["as_norm"] for row in rows] == [line.split()[3] for line in scores[0].splitlines()]
    assert verify(*arguments)[0] == 0  # without a cohort the cosines stay in their place
    assert (tmp_path / "out/scores_t_as_norm.txt").read_text() == scores[0]


def test_an_encoder_without_threshold(verify, net, tmp_path):
    (tmp_path / "t.txt").write_text("a.wav b.flac\n")
    bare = export_encoder(net, tmp_path / "bare")
    status, said, _ = verify("--trials", tmp_path / "t.txt", encoder=bare)
    assert status == 0 and "give --threshold" in said and not list((tmp_path / "out").glob("decisions*"))
    status, said, _ = verify("--trials", tmp_path / "t.txt", "--threshold", 0.2, encoder=bare)
    assert status == 0 and list(table(tmp_path / "out/decisions_t.csv")[0])[-1] == "accepted"


def test_mistakes_are_one_sentence(verify, tmp_path):
    lists = {
        "t": "1 a.wav b.flac\n0 a.wav c.ogg\n",
        "one": "1 a.wav b.flac\n1 a.wav c.ogg\n",
        "mixed": "1 a.wav b.flac\na.wav c.ogg\n",
        "commas": "1,a.wav,b.flac\n",
        "m": "anna a.wav\n",
        "absent": "a.wav nowhere.wav\n",
        "none": "",
    }
    paths = {name: tmp_path / f"{name}.txt" for name in lists}
    for name, text in lists.items():
        paths[name].write_text(text)
    cases = [
        (["--trials", paths["one"]], f"{paths['one']} has trials of one kind alone"),
        (["--trials", paths["mixed"]], "line 2 has 2 fields"),
        (["--trials", paths["commas"]], "has commas"),
        (["--trials", paths["none"]], "holds no trials"),
        (
            ["--trials", paths["t"], "--models", paths["m"]],
            "1 of 1 models that the trials name have no files, such as a.wav",
        ),
        (["--trials", paths["t"], "--models", paths["t"]], "has three fields a line"),
        (["--trials", paths["m"], "--models", paths["absent"]], "have no files, such as anna"),
        (["--trials", paths["absent"], "--models", paths["absent"]], "nowhere.wav, which the trials name, is absent"),
        (["--trials", paths["t"], "--threshold", 3], "threshold is 3"),
        (["--trials", paths["t"], "--threshold", "nan"], "threshold is nan"),
        (["--trials", paths["t"], "--cohort", tmp_path / "nowhere"], "nowhere cannot be read"),
        (
            ["--trials", paths["t"], "--models", paths["m"], "--face_encoder", "x", "--face_folder", "y"],
            "for voices alone",
        ),
        (
            ["--trials", paths["t"], "--threshold", 0.3, "--face_encoder", "x", "--face_folder", "y"],
            "nothing is decided by faces",
        ),
    ]
    for arguments, said in cases:
        status, _, err = verify(*arguments)
        assert status == 1 and said in err and err.startswith("error: ") and "Traceback" not in err, err


def test_models_of_several_files_by_plda(verify, unit, net, mean, data, tmp_path):
    names = [tmp_path / "wav" / f"{number}.wav" for number in range(12)]
    names[0].parent.mkdir()
    rng = np.random.default_rng(5)
    for number, path in enumerate(names):
        tone = np.sin(np.arange(16000) * (0.05 if number % 2 else 0.4))
        soundfile.write(path, 0.2 * tone + 0.1 * rng.standard_normal(16000), 16000)
    (tmp_path / "labels.txt").write_text("".join(f"{path.name} {number % 2}\n" for number, path in enumerate(names)))
    (tmp_path / "list.txt").write_text("".join(f"{path.name}\n" for path in names))
    (tmp_path / "models.txt").write_text("anna a.wav\nanna c.ogg\nbela d.wav\n")
    (tmp_path / "t.txt").write_text("1 anna b.flac\n0 bela f.wav\n")
    plda = (
        "--plda",
        tmp_path / "list.txt",
        "--cohort_folder",
        tmp_path / "wav",
        "--plda_labels",
        tmp_path / "labels.txt",
    )
    given = ("--trials", tmp_path / "t.txt", "--models", tmp_path / "models.txt", *plda)
    status, said, err = verify(*given)
    assert status == 0, err
    with torch.no_grad():
        x = np.stack([net(torch.from_numpy(read_audio(path))[None])[0].numpy() - mean for path in names])
        own = {name: net(torch.from_numpy(read_audio(data / name))[None])[0].numpy() - mean for name in NAMES}
    fitted = fit_plda(x, np.arange(12) % 2)
    latent = {name: fitted.latent(value[None])[0] for name, value in own.items()}
    wanted = [
        fitted.score((latent["a.wav"] + latent["c.ogg"]) / 2, latent["b.flac"], 2),
        fitted.score(latent["d.wav"], latent["f.wav"]),
    ]
    found = [float(line.split()[3]) for line in (tmp_path / "out/scores_t_plda.txt").read_text().splitlines()]
    np.testing.assert_allclose(found, wanted, rtol=1e-2, atol=1e-2)
    rows = table(tmp_path / "out/decisions_t.csv")
    np.testing.assert_allclose([float(row["plda"]) for row in rows], found, rtol=1e-5)
    assert "PLDA" in said
    status, _, err = verify(*given, "--cohort", tmp_path / "list.txt")
    assert status and "PLDA scores models of several files without a cohort" in err


def test_files_of_a_call_before_are_not_taken_for_new_ones(verify, folder, data, tmp_path):
    trials, out = tmp_path / "t.txt", tmp_path / "out"
    trials.write_text("1 a.wav b.flac\n0 a.wav c.ogg\n")
    (tmp_path / "cohort.txt").write_text("d.wav\ne.opus\nf.wav\n")
    assert verify("--trials", trials, "--cohort", tmp_path / "cohort.txt")[0] == 0
    assert (out / "scores_t_as_norm.txt").exists() and (out / "decisions_t.csv").exists()
    status, said, _ = verify("--trials", trials)
    assert status == 0 and "removed" not in said and (out / "scores_t_as_norm.txt").exists(), "of the same encoder"
    torch.manual_seed(1)
    bare = export_encoder(tiny_encoder(), tmp_path / "bare")  # which decides nothing
    status, said, _ = verify("--trials", trials, encoder=bare)
    assert status == 0 and "removed" in said and "scores_t_as_norm.txt" in said
    assert sorted(path.name for path in out.glob("*_t*")) == ["scores_t.txt"]


def test_tests_of_enrolment_files_are_told(verify, data, tmp_path):
    (tmp_path / "m.txt").write_text("anna a.wav\nanna b.flac\n")
    trials = tmp_path / "t.txt"
    trials.write_text("1 anna b.flac\n1 anna d.wav\n0 anna c.ogg\n")
    status, said, _ = verify("--trials", trials, "--models", tmp_path / "m.txt", "--threshold", 0.4)
    assert status == 0 and "1 of 3 trials" in said and "by a file that enrols it" in said
    assert "The encoder's log-odds are those of two files" in said, "also with a threshold of one's own"
    (tmp_path / "mean.txt").write_text("e.opus\nf.wav\n")
    trials.write_text("1 a.wav b.flac\n0 a.wav c.ogg\n")
    said = verify("--trials", trials, "--mean", tmp_path / "mean.txt", "--threshold", 0.4)[1]
    assert "The encoder's log-odds are for scores without --mean." in said


def test_options_that_would_do_nothing_or_cannot_be(verify, data, tmp_path):
    trials = tmp_path / "t.txt"
    trials.write_text("1 a.wav b.flac\n0 a.wav c.ogg\n")
    (tmp_path / "one.txt").write_text("1 a.wav b.flac\n")
    cases = [
        (["--top_n", 5], 1, "--top_n does nothing without --cohort"),
        (["--cohort_folder", data], 1, "--cohort_folder does nothing"),
        (["--face_weight", 2], 1, "--face_weight does nothing without --face_encoder"),
        (["--cohort", data, "--top_n", 1], 2, "top_n"),
        (["--batch_seconds", "nan"], 2, "no finite number over 0"),
        (["--batch_seconds", "-4"], 2, "no finite number over 0"),
        (["--encoder", "another"], 2, "--encoder is given 2 times"),
        (["--trials", tmp_path / "one.txt"], 1, f"{tmp_path / 'one.txt'} has trials of one kind alone"),
    ]
    for arguments, wanted, said in cases:
        status, _, err = verify("--trials", trials, *arguments)
        assert status == wanted and said in err, (arguments, err)
        assert not (tmp_path / "out").exists()


def test_a_threshold_alone_is_one_thing():
    options = {"face_encoder": None, "threshold": None, "models": "m.txt", "mean": "x.txt"}
    said = " ".join(_doubts(options, Decider(0.3)))
    assert "The encoder's threshold is that of two files" in said and "threshold is for scores without" in said
