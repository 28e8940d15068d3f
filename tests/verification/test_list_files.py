"""The files of trial lists: no list writes over another's, and those of a call before are gone."""

import itertools
from pathlib import Path

import pytest

from speechbrain_cadino.verification.list_files import KINDS, remove_older, score_names


def files_of(name):
    return {f"scores_{name}.txt", f"decisions_{name}.csv", *(f"scores_{name}_{kind}.txt" for kind in KINDS)}


@pytest.mark.parametrize(
    "paths",
    [
        ["a/x.txt", "b/x.txt", "1_x.txt"],
        ["a/x.txt", "b/x.txt", "2_x.txt", "1_x.txt", "1_2_x.txt"],
        ["t.txt", "t_as_norm.txt"],
        ["t.txt", "t_plda.txt", "t_plda_as_norm.txt", "t_face.txt"],
        ["x.txt", "X.txt"],
        ["x.txt", "x.lst", "x"],
        ["x.txt", "x.txt"],
    ],
)
def test_no_two_lists_have_a_file_in_common(paths):
    names = score_names([Path(path) for path in paths])
    for one, other in itertools.combinations([{file.lower() for file in files_of(name)} for name in names], 2):
        assert not one & other


def test_what_a_call_before_left(tmp_path):
    kept = {"scores_x.txt", "scores_xy_as_norm.txt", "metrics.md", "decisions_y.csv"}
    for file in kept | {"scores_x_as_norm.txt", "decisions_x.csv"}:
        (tmp_path / file).write_text("")
    assert remove_older(tmp_path, "x", ["scores_x.txt"], b"") == [], "the scores are the same as before"
    assert set(remove_older(tmp_path, "x", ["scores_x.txt"], b"others")) == {"scores_x_as_norm.txt", "decisions_x.csv"}
    assert {path.name for path in tmp_path.iterdir()} == kept
