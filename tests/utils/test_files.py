"""Files that are whole or absent."""

import os

import pytest

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path, make_folder


def test_the_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "deep" / "figure.png"
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert temporary.suffix == ".png" and temporary.parent == path.parent
        assert not path.exists()
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["figure.png"]


def test_what_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_path(path) as temporary:
        temporary.write_text("half")
        1 / 0
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["list.csv"]
    with atomic_path(str(path)) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["list.csv"]


def test_a_failure_before_anything_is_written(tmp_path):
    with pytest.raises(KeyError), atomic_path(tmp_path / "list.csv"):
        raise KeyError
    assert os.listdir(tmp_path) == []


def test_a_folder_that_may_not_be_written(tmp_path):
    with pytest.raises(UserError, match=r"list.csv cannot be written \(Permission denied\): choose"):
        with atomic_path(tmp_path / "list.csv"):
            raise PermissionError(13, "Permission denied")


def test_folders_are_made_with_their_parents(tmp_path):
    assert make_folder(tmp_path / "a" / "b").is_dir()
    assert make_folder(str(tmp_path / "a" / "b")) == tmp_path / "a" / "b"


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_file_in_the_way(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made .*: choose an output folder"):
        make_folder(tmp_path / name)
