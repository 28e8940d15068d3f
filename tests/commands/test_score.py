"""``score``: the table against plain versions, its notes, what it writes, and mistakes."""

import csv
import json
import re
import shutil

import numpy as np
import pytest

from speechbrain_cadino.verification import actual_dcf, cllr, eer, min_cllr, min_dcf


def scores_of(seed, n=400, n_speakers=12):
    rng = np.random.default_rng(seed)
    own, other = rng.integers(n_speakers, size=(2, n))
    other = np.where(rng.random(n) < 0.4, own, other)
    names = [[f"id{speaker}/{rng.integers(3)}/{rng.integers(9)}.wav" for speaker in side] for side in (own, other)]
    return own == other, *names, np.round(rng.normal(0.3 + 0.3 * (own == other), 0.15), 3).clip(-1, 1)


@pytest.fixture
def scored(tmp_path):
    labels, enrol, test, scores = scores_of(0)
    path = tmp_path / "scores.txt"
    path.write_text("".join(f"{int(a)} {b} {c} {d}\n" for a, b, c, d in zip(labels, enrol, test, scores)))
    return path, scores[labels], scores[~labels]


def read(path):
    return {(row["scores"], row["measure"]): row for row in csv.DictReader(open(path, encoding="utf-8"))}


def test_the_table(cli, scored, tmp_path):
    path, targets, others = scored
    out = tmp_path / "m.csv"
    status, said, err = cli("score", path, "--threshold", 0.45, "--n_bootstrap", 100, "-o", out)
    assert status == 0, err
    rows = read(out)
    wanted = {
        "EER %": 100 * eer(targets, others)[0],
        "minDCF(0.01)": min_dcf(targets, others)[0],
        "minDCF(0.05)": min_dcf(targets, others, 0.05)[0],
        "actDCF(0.01)": actual_dcf(targets, others, 0.45),
        "actDCF(0.05)": actual_dcf(targets, others, 0.45, 0.05),
        "min Cllr": min_cllr(targets, others),
    }
    assert {name: float(row["value"]) for (_, name), row in rows.items()} == pytest.approx(wanted)
    for (_, name), row in rows.items():
        assert (
            row["from"] == "" if name == "min Cllr" else float(row["from"]) <= float(row["value"]) <= float(row["to"])
        )
    assert "EER %" in said and f"{len(targets)} trials of one speaker" in said and "finds in the names: 12" in said
    assert cli("score", path, "--threshold", 0.45, "--n_bootstrap", 100)[1] == said, "draws are the same each time"
    assert cli("score", path, "--threshold", 0.45, "--n_bootstrap", 100, "--seed", 1)[1] != said


def test_log_odds_and_all_columns_of_a_table(cli, scored, tmp_path):
    labels, enrol, test, scores = scores_of(0)
    odds = 20 * (scores - 0.45)
    table = tmp_path / "decisions.csv"
    with table.open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["label", "enrol", "test", "cosine", "as_norm", "accepted", "log_odds"])
        writer.writerows(zip(labels.astype(int), enrol, test, scores, 3 * scores, scores > 0.4, odds))
    assert cli("score", table, "--threshold", 0.4, "--n_bootstrap", 0, "-o", tmp_path / "m.json")[0] == 0
    rows = {(row["scores"], row["measure"]): row for row in json.loads((tmp_path / "m.json").read_text())}
    sides = odds[labels], odds[~labels]
    assert rows["log_odds", "Cllr"]["value"] == pytest.approx(cllr(*sides))
    assert rows["log_odds", "actDCF(0.05)"]["value"] == pytest.approx(actual_dcf(*sides, np.log(19), 0.05))
    assert ("as_norm", "actDCF(0.05)") not in rows and ("cosine", "actDCF(0.05)") in rows
    assert ("cosine", "Cllr") not in rows and all("from" not in row for row in rows.values())
    assert rows["as_norm", "EER %"]["value"] == rows["cosine", "EER %"]["value"]
    status, said, _ = cli("score", table, "--column", "cosine", "--log_odds", "--n_bootstrap", 20)
    assert status == 0 and "Cllr" in said and "as_norm" not in said


def test_det_and_markdown(cli, scored, tmp_path):
    path, *_ = scored
    status, said, _ = cli("score", path, "--n_bootstrap", 0, "--det", tmp_path / "det.png", "-o", tmp_path / "m.md")
    assert status == 0 and (tmp_path / "det.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "m.md").read_text() in said


def test_the_encoders_threshold(cli, scored, folder):
    path, targets, others = scored
    status, said, _ = cli("score", path, "--encoder", folder, "--n_bootstrap", 0)
    assert status == 0 and f"{actual_dcf(targets, others, 0.4):.4g}" in said


def test_labels_from_a_list(cli, scored, tmp_path):
    path, *_ = scored
    whole = cli("score", path, "--n_bootstrap", 20)[1]
    lines = sorted(set(path.read_text().splitlines()))
    (tmp_path / "trials.txt").write_text(
        "".join(line.rsplit(" ", 1)[0] + "\n" for line in path.read_text().splitlines())
    )
    scores = {line.split(" ", 1)[1].rsplit(" ", 1)[0]: line.split()[3] for line in lines}
    (tmp_path / "bare.txt").write_text("".join(f"{pair} {score}\n" for pair, score in scores.items()))
    status, said, err = cli("score", tmp_path / "bare.txt", "--trials", tmp_path / "trials.txt", "--n_bootstrap", 20)
    assert status == 0, err
    assert re.sub("minD.*", "", said).split("\n")[-3:] == re.sub("minD.*", "", whole).split("\n")[-3:]


@pytest.mark.parametrize(
    "text, arguments, said",
    [
        ("1 a b 0.5\n1 a c 0.4\n", [], "no scores of trials of two speakers"),
        ("0 a b 0.5\n0 a c 0.4\n", [], "no scores of trials of one speaker"),
        ("1 a b nan\n0 a c 0.4\n", [], "not finite"),
        ("1 a b 0.5\n0 a c 0.4\n", ["--p_target", "1.5"], "p_target is 1.5"),
        ("1 a b 0.5\n0 a c 0.4\n", ["--threshold", "nan"], "threshold is NaN"),
        ("1 a b 0.5\n0 a c 0.4\n", ["--n_bootstrap", "-1"], "-1 replicates"),
        ("1 a b 0.5\n0 a c 0.4\n", ["--level", "95"], "level of 95"),
        ("1 a b 0.5\n0 a c 0.4\n", ["--speaker_pattern", "("], "not a regular expression"),
        ("1 a b 0.5\n0 a c 0.4\n", ["-o", "m.txt"], "call the output .csv, .json or .md"),
        ("1 a b 0.5\n0 a c 0.4\n", ["--column", "cosine"], "has no header"),
        ("1 a b 0.5\n0 a c 0.4\n", ["--threshold", "1", "--encoder", "x"], "give one of them"),
        ("1 a b 0.5\n0 a c 0.4\n", ["--encoder", "nowhere"], "nowhere does not exist"),
        ("1 a b 0.5\n0 a c 0.4\n", ["--trials", "nowhere"], "nowhere cannot be read"),
    ],
)
def test_mistakes_are_one_sentence(cli, tmp_path, text, arguments, said):
    (tmp_path / "scores.txt").write_text(text)
    status, out, err = cli("score", tmp_path / "scores.txt", *arguments)
    assert status == 1 and err.startswith("error: ") and said in err and err.count("\n") == 1


def test_one_speaker_has_no_interval(cli, tmp_path):
    (tmp_path / "scores.txt").write_text("1 a b 0.5\n0 a b 0.4\n")
    status, said, _ = cli("score", tmp_path / "scores.txt")
    assert status == 0 and "| from" not in said and "Of one speaker there are no intervals." in said


@pytest.mark.parametrize("option, name", [("-o", "s.csv"), ("-o", "t.csv"), ("--det", "s.png")])
def test_what_is_read_is_not_written_over(cli, tmp_path, option, name):
    scores, trials = tmp_path / ("s.png" if option == "--det" else "s.csv"), tmp_path / "t.csv"
    scores.write_text("1 a b 0.5\n0 a c 0.4\n")
    trials.write_text("0 a c\n1 a b\n")
    status, _, err = cli("score", scores, "--trials", trials, "--n_bootstrap", 0, option, tmp_path / name)
    assert status == 1 and "both read and written" in err
    assert scores.read_text().startswith("1 a b") and trials.read_text() == "0 a c\n1 a b\n"


@pytest.mark.parametrize(
    "text, arguments, status, said",
    [
        ("1 a b 0.5\n0 a c 0.4\n", ["--det", "x.tiff2"], 1, "call the picture .png"),
        ("1 a b 0.5\n0 a c 0.4\n", ["--seed", "-1"], 2, "seed"),
        ("1 a b 0.5\n0 a c 0.4\n", ["--n_bootstrap", "1"], 1, "1 replicates"),
        ("1 a b 0.5\n0 a c 0.4\n", ["--threshold", "0.1", "--threshold", "0.2"], 2, "is given 2 times"),
        ("1 a b 0.5\n0 a c 0.4\n", ["--threshold", "0.1", "--log_odds"], 1, "A threshold does nothing for score"),
        ("label,enrol,test,plda\n1,a,b,9\n0,a,c,2\n", ["--threshold", "0.1"], 1, "does nothing for plda"),
        ("label,enrol,test,x,X\n1,a,b,9,2\n0,a,c,2,9\n", [], 1, "two columns x"),
    ],
)
def test_options_that_would_do_nothing_or_cannot_be(cli, tmp_path, text, arguments, status, said):
    (tmp_path / "scores.txt").write_text(text)
    found, _, err = cli("score", tmp_path / "scores.txt", *arguments)
    assert found == status and said in err, err


def test_an_encoders_threshold_is_for_cosines(cli, folder, tmp_path):
    (tmp_path / "scores.txt").write_text("1 a b 4.5\n0 a c -0.4\n")  # as AS-norm's are
    status, _, err = cli("score", tmp_path / "scores.txt", "--encoder", folder)
    assert status == 1 and "is one of cosines" in err and "reach 4.5" in err
    (tmp_path / "scores.txt").write_text("1 a b 1.00000012\n0 a c -0.4\n")
    assert cli("score", tmp_path / "scores.txt", "--encoder", folder)[0] == 0


@pytest.mark.parametrize("name, words", [("target", ("1", "0")), ("targettype", ("target", "nontarget"))])
def test_labels_under_another_name_are_no_scores(cli, tmp_path, name, words):
    (tmp_path / "scores.csv").write_text(f"enrol,test,{name},score\na,b,{words[0]},0.1\na,c,{words[1]},0.2\n")
    status, said, err = cli("score", tmp_path / "scores.csv", "--n_bootstrap", 0)
    assert status == 0 and f"| {name}" not in said, err
    assert "1 trials of one speaker, 1 of two." in said


def test_a_threshold_that_somebody_changed(cli, scored, folder, tmp_path):
    changed = shutil.copytree(folder, tmp_path / "encoder")
    metadata = json.loads((changed / "encoder.json").read_text())
    for more in ({"threshold": 0.1}, {"threshold": 0.1, "sha256": None}):
        (changed / "encoder.json").write_text(json.dumps(metadata | more))
        status, _, err = cli("score", scored[0], "--encoder", changed, "--n_bootstrap", 0)
        assert status == 1 and "was changed or damaged since" in err
