"""Trial lists: what is read, and what a user is told of a bad one."""

import numpy as np
import pytest

from speechbrain_cadino.corpus.trials import read_trials, utterance_paths
from speechbrain_cadino.utils.errors import UserError


def write(folder, text, **options):
    path = folder / "trials.txt"
    path.write_text(text, **options)
    return path


def test_lists_are_read_as_written(tmp_path):
    rng = np.random.default_rng(0)
    names = [f"id{number % 7}/call/{number}.wav" for number in range(40)]
    lines = [(rng.integers(2), rng.choice(names), rng.choice(names)) for _ in range(300)]
    trials = read_trials(write(tmp_path, "".join(f"{label} {a} {b}\n" for label, a, b in lines)))
    utterances = np.array(trials.utterances)
    assert trials.labels.dtype == bool and trials.enrol.dtype == trials.test.dtype == np.int64
    assert trials.labels.tolist() == [bool(label) for label, _, _ in lines]
    assert utterances[trials.enrol].tolist() == [a for _, a, _ in lines]
    assert utterances[trials.test].tolist() == [b for _, _, b in lines]
    assert len(set(trials.utterances)) == len(trials.utterances) == len(np.unique([line[1:] for line in lines]))


def test_utterances_come_by_first_appearance(tmp_path):
    assert read_trials(write(tmp_path, "0 c a\n1 a b\n")).utterances == ["c", "a", "b"]


@pytest.mark.parametrize("text", ["1 a b\r\n0 a c\r\n", "\ufeff1 a b\n0 a c", "1\ta  b\n\n 0 a c \n  \n"])
def test_line_ends_marks_and_spaces_of_other_editors(tmp_path, text):
    trials = read_trials(write(tmp_path, text, encoding="utf-8", newline=""))
    assert trials.labels.tolist() == [True, False]
    assert trials.utterances == ["a", "b", "c"]


@pytest.mark.parametrize(
    "text, told",
    [
        ("1 a b\n\n0 a\n", "line 3 has 2 fields"),
        ("1 a b c\n", "line 1 has 4 fields"),
        ("1 a b\n2 a b\n", "line 2 has the label '2'"),
        ("a b 1\n", "line 1 has the label 'a'"),
        ("01 a b\n", "line 1 has the label '01'"),
        ("", "holds no trials"),
        (" \n\n", "holds no trials"),
    ],
)
def test_bad_lists_are_told_with_file_and_line(tmp_path, text, told):
    path = write(tmp_path, text)
    with pytest.raises(UserError, match=told) as error:
        read_trials(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "text, utterances",
    [
        ('1 "a b" c\n0 c "d  e"\n', ["a b", "c", "d  e"]),
        ("1\ta b\tc\n0\tc\td  e\t\n", ["a b", "c", "d  e"]),
        ('1\t"a b"\tc\n0 c "d  e"\n', ["a b", "c", "d  e"]),
        ('1 a"b c\n0 c d"\n', ['a"b', "c", 'd"']),
        ('1 "a" c\n0 c "d"\n', ["a", "c", "d"]),
        ("1\ta b\n0\tb c\n", ["a", "b", "c"]),
        ("1 Zoë/ü 東京.wav\n0 東京.wav Zoë/ü\n", ["Zoë/ü", "東京.wav"]),
    ],
)
@pytest.mark.parametrize("labelled", [True, False])
def test_names_with_blanks_quotes_and_other_letters(tmp_path, text, utterances, labelled):
    trials = read_trials(write(tmp_path, text, encoding="utf-8"), labelled)
    assert trials.utterances == utterances and trials.labels.tolist() == [True, False]


@pytest.mark.parametrize("text", ["a b\n0 c\n", "\ufeffa b\r\n0 c\r\n", 'a\tb\n\n"0" c', "a b\t\n0 c"])
def test_lists_without_labels(tmp_path, text):
    trials = read_trials(write(tmp_path, text, encoding="utf-8", newline=""), labelled=False)
    assert trials.labels is None and trials.utterances == ["a", "b", "0", "c"]
    assert trials.enrol.tolist() == [0, 2] and trials.test.tolist() == [1, 3]
    with pytest.raises(UserError, match="line 1 has 2 fields"):
        read_trials(tmp_path / "trials.txt")


@pytest.mark.parametrize(
    "text, told", [("a b\n1 a b\n", "line 2 has 3 fields: write 'enrol test'"), ("1 a b\na b\n", "line 2 has 2 fields")]
)
def test_labels_on_some_lines(tmp_path, text, told):
    with pytest.raises(UserError, match=told):
        read_trials(write(tmp_path, text), labelled=False)


def test_absent_folder_and_binary_lists(tmp_path):
    binary = tmp_path / "a.bin"
    binary.write_bytes(b"\xff\xfe\x00")
    for path, told in [(tmp_path / "none.txt", "No such file"), (tmp_path, "directory"), (binary, "UTF-16")]:
        with pytest.raises(UserError, match=told) as error:
            read_trials(path)
        assert str(path) in str(error.value)


def test_paths_of_utterances(tmp_path):
    (tmp_path / "wav").mkdir()
    inside, elsewhere = tmp_path / "wav" / "a.wav", tmp_path / "b.wav"
    inside.touch(), elsewhere.touch()
    trials = read_trials(write(tmp_path, f"1 a.wav {elsewhere}\n"))
    assert utterance_paths(trials, tmp_path / "wav") == [inside, elsewhere]


def test_a_trial_of_an_absent_file(tmp_path):
    (tmp_path / "a.wav").touch()
    trials = read_trials(write(tmp_path, "1 a.wav b.wav\n0 c.wav a.wav\n"))
    with pytest.raises(UserError, match=r"b\.wav.*2 of 3"):
        utterance_paths(trials, tmp_path)
