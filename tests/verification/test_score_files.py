"""Score files of all forms, and what a user is told of bad ones."""

import numpy as np
import pytest

from speechbrain_cadino.corpus.trials import Trials
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.report import write_scores
from speechbrain_cadino.verification.score_files import read_scores

TEXT = "1 a b 0.9\n0 a c 0.1\n1 b d -2e-1\n"


def write(path, text, **options):
    path.write_text(text, encoding="utf-8", newline="", **options)
    return path


def as_rows(found, column="score"):
    return [*zip(found.labels.tolist(), found.enrol, found.test, found.scores[column].tolist())]


WANTED = [(True, "a", "b", 0.9), (False, "a", "c", 0.1), (True, "b", "d", -0.2)]


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.replace("\n", "\r\n"),
        "\ufeff" + TEXT + "\n\n",
        TEXT.replace(" ", "\t"),
        TEXT.replace(" ", "   "),
        "label,enrol,test,score\n1,a,b,0.9\n0,a,c,0.1\n1,b,d,-0.2\n",
        "\ufeffscore,Test,Enrol,label\r\n0.9,b,a,target\r\n0.1,c,a,nontarget\r\n-0.2,d,b,tgt\r\n",
        'modelid\tsegmentid\tscore\tlabel\n"a"\tb\t0.9\t1\na\tc\t.1\timp\nb\td\t-0.2\t1\n',
    ],
)
def test_forms(tmp_path, text):
    assert as_rows(read_scores(write(tmp_path / "scores.txt", text))) == WANTED


def test_all_columns_of_a_table_or_one(tmp_path):
    path = write(tmp_path / "s.csv", "label,enrol,test,cosine,accepted,log_odds\n1,a,b,0.9,1,3\n0,a,c,0.1,0,-3\n")
    found = read_scores(path)
    assert list(found.scores) == ["cosine", "log_odds"] and found.scores["log_odds"].tolist() == [3, -3]
    assert list(read_scores(path, column="log_odds").scores) == ["log_odds"]
    with pytest.raises(UserError, match="no column of scores llr, only cosine, log_odds"):
        read_scores(path, column="llr")


@pytest.mark.parametrize("seed", range(10))
def test_labels_of_a_list_in_another_order(tmp_path, seed):
    """Names with blanks and other letters; the score file written by `write_scores`, its lines shuffled."""
    rng = np.random.default_rng(seed)
    names = [f"{number} ü{' x' * (number % 3)}.wav" for number in range(8)]
    pairs = list({tuple(rng.integers(8, size=2).tolist()) for _ in range(30)})
    enrol, test = np.array(pairs).T
    labels, scores = rng.integers(2, size=len(pairs)).astype(bool), rng.normal(size=len(pairs)).astype(np.float32)
    write_scores(tmp_path / "scores.txt", Trials(None, enrol, test, names), scores)
    listed = rng.permutation(len(pairs))[: rng.integers(1, len(pairs))]  # the file may have more
    text = "".join(f'{labels[row]:d} "{names[enrol[row]]}" "{names[test[row]]}"\n' for row in listed)
    lines = (tmp_path / "scores.txt").read_text().splitlines()
    write(tmp_path / "scores.txt", "\n".join(lines[row] for row in rng.permutation(len(lines))))
    found = read_scores(tmp_path / "scores.txt", write(tmp_path / "trials.txt", text))
    assert found.labels.tolist() == labels[listed].tolist()
    assert found.scores["score"].astype(np.float32).tolist() == scores[listed].tolist()
    assert found.enrol == [names[enrol[row]] for row in listed] and found.test == [names[test[row]] for row in listed]


@pytest.mark.parametrize(
    "text, told",
    [
        ("", "holds no scores"),
        ("\n \n", "holds no scores"),
        ("1 a b\n0 a c\n", "line 1 has the score 'b', which is not a number"),
        ("1 a b 0.5\n0 a c\n", "line 2 is '0 a c'"),
        ("1 a b 0.5 7\n", "line 1 is"),
        ("2 a b 0.5\n", "line 1 is"),
        ("a b 0.5\na c 0.4\n", "has no labels: give the trial list"),
        ("1 a b nan\n0 a c 0.4\n", r"1 of 2 scores \(score\) of .* not finite, the first that of a b"),
        ("1 a b 1\n0 a c -inf\n", "not finite, the first that of a c"),
        ("label,enrol,test\n1,a,b\n", "no column of scores"),
        ("label,enrol,test,score\n", "no rows"),
        ("label,enrol,test,score\n1,a,b\n", "line 2 has 3 fields, the header 4"),
        ("label,enrol,test,score\n1,a,b,x\n", "line 2 has the score 'x'"),
        ("label,enrol,test,score\n1,a,b,\n", "line 2 has the score ''"),
        ("label,enrol,test,score\nyes,a,b,1\n", "line 2 has the label 'yes'"),
        ("enrol,test,score\na,b,1\n", "has no labels"),
        ("enrol,score\na,1\n", "line 1 is 'enrol,score'"),
    ],
)
def test_bad_score_files_are_one_sentence(tmp_path, text, told):
    path = write(tmp_path / "scores.txt", text)
    with pytest.raises(UserError, match=told) as error:
        read_scores(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "scores, trials, told",
    [
        ("a b 1\n", "1 a b\n0 a c\n", "no score for 1 of 2 trials of .*, such as a c: score"),
        ("a b 1\nc a 2\n", "1 a b\n0 a c\n", "such as a c .*the other way round"),
        ("a b 1\na b 2\na c 1\n", "1 a b\n0 a c\n", "trial a b with different scores"),
        ("a b 1\n", "1 a b\n0 a b\n", "trial a b with both labels"),
        ("1 a b 1\n0 a c 1\n", "1 a b\n1 a c\n", "have other labels for a c"),
        ("a b 1\n", "a b\n", "line 1 has 2 fields"),
        ("a b 1\n", "", "holds no trials"),
    ],
)
def test_lists_that_do_not_fit(tmp_path, scores, trials, told):
    with pytest.raises(UserError, match=told):
        read_scores(write(tmp_path / "scores.txt", scores), write(tmp_path / "trials.txt", trials))


def test_the_same_score_twice_is_no_mistake(tmp_path):
    found = read_scores(
        write(tmp_path / "scores.txt", "a b 1\na b 1\na c 0\n"), write(tmp_path / "trials.txt", "1 a b\n0 a c\n1 a b\n")
    )
    assert found.labels.tolist() == [True, False, True] and found.scores["score"].tolist() == [1, 0, 1]
