"""verify.py run as a user would, and the evaluation behind it, against scores made by hand."""

import os
import re
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_cadino.corpus.audio import read_audio
from speechbrain_cadino.corpus.manifest import Manifest, write_manifest
from speechbrain_cadino.corpus.trials import read_trials
from speechbrain_cadino.encoder.export import export_encoder
from speechbrain_cadino.faces.export import export_face_encoder
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.locks import hold_folder
from speechbrain_cadino.verification.evaluation import evaluate
from speechbrain_cadino.verification.plda_fit import fit_plda
from tests.encoder.conftest import tiny_encoder
from tests.faces.conftest import picture, save, tiny_face_encoder

SCRIPT = Path(__file__).parents[2] / "recipes" / "VoxCeleb" / "SSL_CADINO" / "verify.py"
NAMES = ["a.wav", "b.flac", "c.ogg", "d.wav", "e.opus", "f.wav"]
SIDES = ("voice", "face", "together")
TRIALS = [(0, 0, 1), (1, 0, 2), (0, 3, 4), (1, 1, 5), (1, 3, 5), (0, 2, 1)]


@pytest.fixture
def verify(monkeypatch, capsys, tmp_path, folder, data):
    """Give a function that runs the script with the given arguments: (exit status, stdout, stderr)."""

    def run(*arguments, encoder=folder, data=data, output=tmp_path / "out"):
        fixed = ["--encoder", encoder, "--data_folder", data, "--output_folder", output]
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, fixed), *map(str, arguments)])
        capsys.readouterr()
        try:
            runpy.run_path(str(SCRIPT), run_name="__main__")
            status = 0
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def trials(tmp_path):
    path = tmp_path / "trials.txt"
    path.write_text("".join(f"{label} {NAMES[a]} {NAMES[b]}\n" for label, a, b in TRIALS))
    return path


@pytest.fixture
def embeddings(net, mean, data):
    """Of NAMES, as the exported encoder gives them: mean subtracted."""
    with torch.no_grad():
        return np.stack([net(torch.from_numpy(read_audio(data / name))[None])[0].numpy() for name in NAMES]) - mean


def cosines(embeddings):
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return unit @ unit.T


def written(path):
    """(label, enrol, test) as in TRIALS, and the scores, of a score file."""
    lines = [line.split() for line in path.read_text().splitlines()]
    trials = [(int(label), NAMES.index(enrol), NAMES.index(test)) for label, enrol, test, _ in lines]
    return trials, [float(line[3]) for line in lines]


def test_scores_and_table(verify, trials, embeddings, tmp_path):
    status, out, _ = verify("--trials", trials)
    listed, scores = written(tmp_path / "out" / "scores_trials.txt")
    table = cosines(embeddings)
    assert status == 0 and listed == TRIALS
    np.testing.assert_allclose(scores, [table[a, b] for _, a, b in TRIALS], atol=1e-5)
    ordered = [label for _, (label, _, _) in sorted(zip(scores, TRIALS), reverse=True)]
    misses = [(sum(ordered[k:]) / 3, (k - sum(ordered[:k])) / 3) for k in range(7)]
    miss, false_alarm = min(misses, key=lambda rates: abs(rates[0] - rates[1]))
    assert f"| trials | 6 | {50 * (miss + false_alarm):.2f} |" in re.sub(" +", " ", out)
    assert (tmp_path / "out" / "metrics.md").read_text() in out
    assert "minDCF(0.01)" in out and "minDCF(0.05)" in out


def test_several_lists_share_the_embeddings(verify, trials, tmp_path):
    (tmp_path / "other").mkdir()
    twin, third = tmp_path / "other" / "trials.txt", tmp_path / "third.txt"
    twin.write_text("1 a.wav f.wav\n0 a.wav d.wav\n")
    third.write_text("1 a.wav c.ogg\n0 d.wav c.ogg\n")
    status, out, _ = verify("--trials", trials, twin, third)
    assert status == 0 and [line.split()[1] for line in out.splitlines()[2:5]] == ["trials", "trials", "third"]
    scores = {path.name: written(path) for path in (tmp_path / "out").glob("scores_*.txt")}
    assert sorted(scores) == ["scores_1_trials.txt", "scores_2_trials.txt", "scores_third.txt"]
    assert scores["scores_1_trials.txt"][0] == TRIALS and scores["scores_2_trials.txt"][0] == [(1, 0, 5), (0, 0, 3)]
    assert scores["scores_third.txt"][1][0] == scores["scores_1_trials.txt"][1][1], "the same two utterances"
    assert (tmp_path / "out" / "embeddings" / "trials" / "ids.txt").read_text().split() == NAMES, "each once"


def test_mean_and_cohort_from_lists_and_csv(verify, data, embeddings, tmp_path):
    few = [trial for trial in TRIALS if 3 not in trial[1:] and 4 not in trial[1:]]  # d.wav and e.opus are in no trial
    path, listed, csv = tmp_path / "few.txt", tmp_path / "cohort.txt", tmp_path / "cohort.csv"
    path.write_text("".join(f"{label} {NAMES[a]} {NAMES[b]}\n" for label, a, b in few))
    listed.write_text("d.wav\ne.opus\na.wav\n")  # a.wav is in a trial, so it is not to be in the cohort
    write_manifest(Manifest(["d", "e"], [str(data / "d.wav"), str(data / "e.opus")], [0, 0], [30000, 20000]), csv, data)
    assert verify("--trials", path, "--cohort", listed, "--top_n", 2)[0] == 0
    with_cohort = np.array(written(tmp_path / "out" / "scores_few_as_norm.txt")[1])
    table = cosines(embeddings)
    plain = written(tmp_path / "out" / "scores_few.txt")[1]
    np.testing.assert_allclose(plain, [table[a, b] for _, a, b in few], atol=1e-5)
    spread = {row: (table[row, [3, 4]].mean(), table[row, [3, 4]].std()) for row in (0, 1, 2, 5)}
    wanted = [sum((table[a, b] - spread[side][0]) / spread[side][1] for side in (a, b)) / 2 for _, a, b in few]
    np.testing.assert_allclose(with_cohort, wanted, rtol=1e-3)

    assert verify("--trials", path, "--mean", listed)[0] == 0
    centered = cosines(embeddings - embeddings[[3, 4, 0]].mean(axis=0))
    wanted = [centered[a, b] for _, a, b in few]
    np.testing.assert_allclose(written(tmp_path / "out" / "scores_few.txt")[1], wanted, atol=1e-4)

    root = data.parent
    listed.write_text("".join(f"{data.name}/{name}\n" for name in ("d.wav", "e.opus")))
    for cohort, extra in ((listed, ("--cohort_folder", root)), (csv, ())):
        assert verify("--trials", path, "--cohort", cohort, *extra)[0] == 0
        scores = written(tmp_path / "out" / "scores_few_as_norm.txt")[1]
        same = np.allclose(scores, with_cohort, rtol=1e-3)
        assert same == (cohort == listed), "the CSV's rows are parts of the files, so another cohort"


@pytest.mark.parametrize("kind", ["list", "absolute list", "list from above", "csv", "link"])
def test_the_trials_own_utterances_are_never_in_the_cohort(verify, data, tmp_path, kind):
    path, extra = tmp_path / ("cohort.CSV" if kind == "csv" else "cohort.txt"), ()
    (tmp_path / "linked").symlink_to(data)
    form = {"absolute list": "{data}/{}", "list from above": "{name}/{}", "link": "{link}/{}"}.get(kind, "{}")
    if kind == "list from above":
        extra = ("--cohort_folder", data.parent)

    def scores(names):
        names = [form.format(name, data=data, name=data.name, link=tmp_path / "linked") for name in names]
        if kind == "csv":
            wavs = [str(data / name) for name in names]
            write_manifest(Manifest(names, wavs, [0] * len(names), [16000] * len(names)), path, data)
        else:
            path.write_text("".join(f"{name}\n" for name in names))
        status, out, err = verify("--trials", trials, "--cohort", path, "--top_n", 2, *extra)
        assert status == 0, err
        return written(tmp_path / "out" / "scores_few_as_norm.txt")[1], out

    trials = tmp_path / "few.txt"
    trials.write_text("1 a.wav c.ogg\n0 a.wav f.wav\n")
    wanted, _ = scores(["d.wav", "e.opus"])
    found, out = scores(["d.wav", "a.wav", "e.opus", "f.wav"])
    assert found == wanted and "2 files of" in out


def test_a_second_run_finds_the_embeddings_and_another_encoder_does_not(verify, trials, data, tmp_path):
    verify("--trials", trials)
    first = written(tmp_path / "out" / "scores_trials.txt")[1]
    kept = tmp_path / "out" / "embeddings" / "trials" / "embeddings.npy"
    before = kept.stat().st_mtime_ns
    verify("--trials", trials, "--batch_seconds", 1)
    assert kept.stat().st_mtime_ns == before and written(tmp_path / "out" / "scores_trials.txt")[1] == first
    torch.manual_seed(1)
    other = export_encoder(tiny_encoder(), tmp_path / "other")
    verify("--trials", trials, encoder=other)
    assert kept.stat().st_mtime_ns != before and written(tmp_path / "out" / "scores_trials.txt")[1] != first


@pytest.mark.parametrize(
    "content, reason",
    [
        ("1 a.wav nowhere.wav\n0 a.wav b.flac\n", "nowhere.wav, which the trials name, is absent"),
        ("", "holds no trials"),
        ("1 a.wav b.flac\n", "trials of one kind alone"),
        ("1 a.wav silent.wav\n0 a.wav b.flac\n", "1 of 3 utterances cannot be embedded, .*silent.wav is silent"),
        ("1 a.wav text.wav\n0 a.wav b.flac\n", "text.wav is not readable as audio"),
    ],
)
def test_bad_lists_are_one_sentence(verify, tmp_path, content, reason):
    path = tmp_path / "bad.txt"
    path.write_text(content)
    status, _, err = verify("--trials", path)
    last = err.strip().split("\n")[-1]
    assert status == 1 and "Traceback" not in err and re.search(f"^error: .*{reason}", last)


def test_bad_arguments_are_one_sentence(verify, trials, tmp_path):
    (tmp_path / "all.txt").write_text("a.wav\nb.flac\n")
    cases = [
        (("--trials", trials), dict(encoder=tmp_path), "holds no encoder"),
        (("--trials", trials, "--device", "abacus"), {}, "device abacus cannot be used"),
        (("--trials", trials, "--cohort", tmp_path / "all.txt"), {}, "name every utterance of .*all.txt"),
        (("--trials", trials, "--cohort", tmp_path / "absent.csv"), {}, "absent.csv cannot be read"),
        (("--trials", trials, "--mean", tmp_path / "absent.txt"), {}, "absent.txt cannot be read"),
        (("--trials", trials), dict(output=trials), "cannot be made"),
    ]
    for arguments, settings, reason in cases:
        status, _, err = verify(*arguments, **settings)
        assert status == 1 and "Traceback" not in err
        assert re.search(f"^error: .*{reason}", err.strip().split("\n")[-1]), err
    status, _, err = verify("--trials", trials, "--batch_seconds", 0)
    assert status == 2 and "0 is no finite number over 0" in err and "Traceback" not in err


def test_evaluate_during_training(net, mean, data, trials, embeddings):
    """The trained encoder itself, the mean given: the same scores as of the exported one."""
    lists = [read_trials(trials)]
    (found,) = evaluate(net, lists, data, mean=mean, progress=False)
    table = cosines(embeddings)
    np.testing.assert_allclose(found.scores, [table[a, b] for _, a, b in TRIALS], atol=1e-5)
    assert set(found.metrics) == {"EER %", "minDCF(0.01)", "minDCF(0.05)"}
    (bare,) = evaluate(net, lists, data, progress=False)
    assert np.abs(bare.scores - found.scores).max() > 1e-3
    with pytest.raises(UserError, match="The mean has the shape"):
        evaluate(net, lists, data, mean=mean[:5], progress=False)


@pytest.mark.parametrize("role", ["trials", "cohort", "mean"])
def test_a_file_replaced_by_one_of_equal_length_gives_other_scores(verify, trials, data, tmp_path, role):
    copied = tmp_path / "data"
    shutil.copytree(data, copied)
    (tmp_path / "list.txt").write_text("d.wav\nf.wav\n")
    (tmp_path / "trials.txt").write_text("1 a.wav b.flac\n0 a.wav c.ogg\n")
    arguments = ["--trials", trials] + ([] if role == "trials" else [f"--{role}", tmp_path / "list.txt"])
    arguments += ["--top_n", 2] if role == "cohort" else []
    path = tmp_path / f"out/scores_trials{'_as_norm' if role == 'cohort' else ''}.txt"
    first = verify(*arguments, data=copied)
    scores = path.read_text()
    assert verify(*arguments, data=copied)[:2] == first[:2] and path.read_text() == scores
    wav = copied / ("a.wav" if role == "trials" else "d.wav")
    info, status = soundfile.info(wav), wav.stat()
    samples = 0.1 * np.random.default_rng(9).standard_normal((info.frames, info.channels))
    soundfile.write(wav, samples, info.samplerate, subtype=info.subtype)
    assert wav.stat().st_size == status.st_size
    os.utime(wav, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert verify(*arguments, data=copied)[0] == 0
    assert path.read_text() != scores


def test_two_at_once(verify, trials, tmp_path):
    with hold_folder(tmp_path / "out"):
        status, _, err = verify("--trials", trials)
    assert status == 1 and f"{tmp_path / 'out'} is in use by process" in err and "Traceback" not in err
    assert list((tmp_path / "out").iterdir()) == []


@pytest.fixture
def faces(tmp_path):
    """Pictures of all but the fourth recording, by its name, one of them unreadable; and a face encoder's folder."""
    for number, name in enumerate(NAMES):
        if number != 3:
            save(tmp_path / "faces" / f"{name[0]}.png", picture(number))
    (tmp_path / "faces/e.png").write_bytes(b"")
    export_face_encoder(tiny_face_encoder(), tmp_path / "face_encoder")
    return "--face_encoder", tmp_path / "face_encoder", "--face_folder", tmp_path / "faces"


def test_by_voice_by_face_and_by_both(verify, trials, embeddings, tmp_path, faces, caplog):
    pattern = ("--face_pattern", r"(\w)\.\w+$")
    with trials.open("a") as file:
        file.write("0 a.wav absent.wav\n1 f.wav absent.wav\n")
    save(tmp_path / "faces" / "t.png", picture(5))  # of absent.wav: the last letter of its name
    status, out, err = verify("--trials", trials, *faces, *pattern)
    assert status == 0, err
    assert "1 of 7 recordings have no audio, such as absent.wav" in caplog.text
    lines = {name: (tmp_path / f"out/scores_trials_{name}.txt").read_text().splitlines() for name in SIDES}
    assert [len(lines[name]) for name in SIDES] == [6, 6, 8]
    table, faces_of = cosines(embeddings), [line.split()[1:3] for line in lines["face"]]
    voice = [float(line.split()[3]) for line in lines["voice"]]
    np.testing.assert_allclose(voice, [table[a, b] for _, a, b in TRIALS], atol=1e-5)
    assert faces_of[-1] == ["f.wav", "absent.wav"] and not any({"d.wav", "e.opus"} & {*names} for names in faces_of)
    assert float(lines["face"][-1].split()[3]) == pytest.approx(1, abs=1e-5)  # the same picture
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in out.splitlines() if line.startswith("| trials")]
    assert rows == [["trials", "voice", "6"], ["trials", "face", "6"], ["trials", "together", "8"]]
    assert "e.png" in (tmp_path / "out/rejected_faces.csv").read_text()
    before = lines["together"]
    assert verify("--trials", trials, *faces, *pattern)[0] == 0
    assert (tmp_path / "out/scores_trials_together.txt").read_text().splitlines() == before


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda arguments: arguments[:2], "give both"),
        (lambda arguments: (*arguments[:3], "nowhere"), "The face folder nowhere does not exist"),
        (lambda arguments: ("--face_encoder", "nowhere", *arguments[2:]), "nowhere"),
        (lambda arguments: (*arguments, "--face_weight", 0), "--face_weight is 0.0: set a number over 0"),
    ],
)
def test_mistakes_with_faces(verify, trials, faces, change, said):
    status, _, err = verify("--trials", trials, *change(faces))
    assert status == 1 and said in err and "Traceback" not in err


@pytest.fixture
def others(data, tmp_path):
    """A list of four files in the data folder's own, d.wav among them, their labels, and trials of the rest."""
    (tmp_path / "few.txt").write_text("1 a.wav c.ogg\n0 a.wav f.wav\n0 b.flac d.wav\n")
    (tmp_path / "rest.txt").write_text("".join(f"{path}\n" for path in write_speech(tmp_path / "rest")))
    names = [f"{number}.wav" for number in range(12)]
    (tmp_path / "labels.txt").write_text("".join(f"{name} {name[0] in '0123'}\n" for name in names))
    return "--plda", tmp_path / "rest.txt", "--cohort_folder", tmp_path / "rest"


def write_speech(folder):
    folder.mkdir()
    rng = np.random.default_rng(5)
    for number in range(12):
        tone = np.sin(np.arange(16000) * (0.05 if number in (0, 1, 2, 3, 10, 11) else 0.4))
        soundfile.write(folder / f"{number}.wav", 0.2 * tone + 0.1 * rng.standard_normal(16000), 16000)
    return [f"{number}.wav" for number in range(12)]


def test_plda_on_pseudo_labels(verify, net, mean, data, others, tmp_path):
    arguments = ("--trials", tmp_path / "few.txt", *others, "--plda_labels", tmp_path / "labels.txt")
    status, _, err = verify(*arguments)
    assert status == 0, err
    found = written(tmp_path / "out/scores_few_plda.txt")
    files = [tmp_path / "rest" / f"{number}.wav" for number in range(12)] + [data / name for name in NAMES]
    with torch.no_grad():
        x = np.stack([net(torch.from_numpy(read_audio(path))[None])[0].numpy() for path in files]) - mean
    labels = np.array([str(number)[0] in "0123" for number in range(12)], dtype=int)
    plda = fit_plda(x[:12], labels)
    latent = plda.latent(x[12:])
    wanted = [plda.score(latent[a], latent[b]) for _, a, b in found[0]]
    np.testing.assert_allclose(found[1], wanted, rtol=1e-2, atol=1e-2)
    assert verify(*arguments, "--cohort", others[1], "--top_n", 3)[0] == 0
    against = plda.score_all(latent, plda.latent(x[:12]))
    top = np.sort(against, axis=1)[:, -3:]
    scaled = [
        sum((score - top[side].mean()) / top[side].std() for side in (a, b)) / 2
        for score, (_, a, b) in zip(wanted, found[0])
    ]
    np.testing.assert_allclose(written(tmp_path / "out/scores_few_plda_as_norm.txt")[1], scaled, rtol=5e-2, atol=5e-2)


def test_plda_without_the_trials_own(verify, others, tmp_path):
    labels = ("--plda_labels", tmp_path / "labels.txt")
    assert verify("--trials", tmp_path / "few.txt", *others, *labels)[0] == 0
    before = written_scores(tmp_path)
    with (tmp_path / "few.txt").open("a") as file:
        file.write(f"0 a.wav {tmp_path / 'rest/0.wav'}\n")
    status, out, _ = verify("--trials", tmp_path / "few.txt", *others, *labels)
    assert status == 0 and "1 files of" in out and written_scores(tmp_path)[:3] != before


def written_scores(tmp_path):
    return [float(line.split()[3]) for line in (tmp_path / "out/scores_few_plda.txt").read_text().splitlines()]


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("--plda_labels", "x"), "does nothing without"),
        (("--plda", "rest.txt", "--mean", "rest.txt"), "--plda and --mean do not go together"),
        (("--plda", "rest.txt", "--face_encoder", "x", "--face_folder", "y"), "--plda and --face_encoder do not go"),
        (("--plda", "rest.txt"), "stands out"),  # clusters of a dozen tones
        (("--plda", "absent.txt"), "absent.txt cannot be read"),
        (("--plda", "rest.txt", "--plda_labels", "absent.csv"), "absent.csv"),
        (("--plda", "rest.txt", "--plda_labels", "foreign.txt"), "are not in the label table"),
        (("--plda", "rest.txt", "--plda_labels", "alone.txt"), "PLDA has 12 labels of 12 utterances"),
    ],
)
def test_mistakes_with_plda(verify, others, tmp_path, arguments, said):
    (tmp_path / "foreign.txt").write_text("x.wav 1\ny.wav 1\n")
    (tmp_path / "alone.txt").write_text("".join(f"{number}.wav {number}\n" for number in range(12)))
    arguments = [tmp_path / name if name.endswith(("txt", "csv")) else name for name in arguments]
    status, _, err = verify("--trials", tmp_path / "few.txt", "--cohort_folder", tmp_path / "rest", *arguments)
    assert status == 1 and said in err and "Traceback" not in err
