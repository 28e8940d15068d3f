"""Files that are whole or absent."""

import csv
import os

import pytest

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_folder, atomic_path, foreign_files, make_folder, write_csv


def any_name(name):
    """All that is in a folder was made here."""
    return True


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
    with pytest.raises(
        UserError, match="list.csv cannot be written, you may not write there: choose a folder elsewhere"
    ):
        with atomic_path(tmp_path / "list.csv"):
            raise PermissionError(13, "Permission denied")


def test_folders_are_made_with_their_parents(tmp_path):
    assert make_folder(tmp_path / "a" / "b").is_dir()
    assert make_folder(str(tmp_path / "a" / "b")) == tmp_path / "a" / "b"


@pytest.mark.parametrize("name", ["a" * 300, "b/" + "a" * 300, "b/" * 3000 + "c"])
def test_a_name_that_is_too_long(tmp_path, name):
    with pytest.raises(UserError, match="cannot be made .File name too long.: choose an output folder"):
        make_folder(tmp_path / name)


def test_a_folder_appears_when_it_is_whole(tmp_path):
    for content in ("first", "second"):
        with atomic_folder(tmp_path / "deep" / "encoder", any_name) as temporary:
            (temporary / "below").mkdir()
            (temporary / "below" / content).write_text(content)
            assert not (tmp_path / "deep" / "encoder" / "below" / content).exists()
        assert os.listdir(tmp_path / "deep") == ["encoder"]
        assert os.listdir(tmp_path / "deep" / "encoder" / "below") == [content]


def test_what_fails_leaves_the_old_folder(tmp_path):
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder" / "old").write_text("")
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "encoder", any_name) as temporary:
        (temporary / "half").write_text("")
        1 / 0
    assert os.listdir(tmp_path) == ["encoder"] and os.listdir(tmp_path / "encoder") == ["old"]


def test_what_a_killed_process_left_is_not_taken_in(tmp_path):
    (tmp_path / ".encoder.partial").mkdir()
    (tmp_path / ".encoder.partial" / "half").write_text("")
    with atomic_folder(tmp_path / "encoder", any_name) as temporary:
        (temporary / "new").write_text("")
    assert os.listdir(tmp_path) == ["encoder"] and os.listdir(tmp_path / "encoder") == ["new"]


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    (tmp_path / "disk" / "encoder").mkdir(parents=True)
    (tmp_path / "encoder").symlink_to(tmp_path / "disk" / "encoder")
    with atomic_folder(tmp_path / "encoder", any_name) as temporary:
        (temporary / "new").write_text("")
    assert (tmp_path / "encoder").is_symlink() and os.listdir(tmp_path / "disk" / "encoder") == ["new"]
    assert os.listdir(tmp_path / "disk") == ["encoder"]


def test_neighbours_that_a_user_made_stay(tmp_path):
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder~").mkdir()
    (tmp_path / "encoder.old").write_text("")
    with atomic_folder(tmp_path / "encoder", any_name):
        pass
    assert sorted(os.listdir(tmp_path)) == ["encoder", "encoder.old", "encoder~"]


@pytest.mark.parametrize("rows", [[], [("a, b", 1.5)], [('say "x"', 0.1), ("line\nbreak", ""), ("", 3)]])
def test_a_table_is_read_back(tmp_path, rows):
    write_csv(tmp_path / "t.csv", ["ID", "value"], iter(rows))
    with open(tmp_path / "t.csv", newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["ID", "value"], *([str(cell) for cell in row] for row in rows)]


def test_a_table_that_fails_leaves_the_old_one(tmp_path):
    write_csv(tmp_path / "t.csv", ["ID"], [("old",)])
    with pytest.raises(ZeroDivisionError):
        write_csv(tmp_path / "t.csv", ["ID"], ([1 / number] for number in (1, 0)))
    assert (tmp_path / "t.csv").read_text() == "ID\nold\n" and os.listdir(tmp_path) == ["t.csv"]


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_file_in_the_way(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made, .*file is a file: choose another output folder"):
        make_folder(tmp_path / name)


def test_what_was_not_made_here_stays(tmp_path):
    folder, made = tmp_path / "encoder", {"weights", "below/weights"}.__contains__
    (folder / "below/deep").mkdir(parents=True)
    for name in ("weights", "below/weights", "notes", "below/deep/notes", "new"):
        (folder / name).write_text("old")
    (folder / "link").symlink_to(tmp_path)
    with atomic_folder(folder, made) as temporary:
        (temporary / "new").write_text("new")
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    assert found == {"notes", "below/deep/notes", "new"} and (folder / "link").is_symlink()
    assert (folder / "new").read_text() == "new"  # its old namesake waits beside
    assert (tmp_path / ".encoder.replaced/new").read_text() == "old"
    assert foreign_files(folder, made) == ["below/deep/notes", "link", "new", "notes"]
    with atomic_folder(folder, lambda name: made(name) or name == "new") as temporary:
        (temporary / "weights").write_text("newer")
    assert (folder / "weights").exists() and (folder / "notes").exists() and os.listdir(tmp_path) == ["encoder"]


def test_killed_between_the_renamings_the_old_folder_comes_back(tmp_path):
    (tmp_path / ".encoder.replaced").mkdir()
    (tmp_path / ".encoder.replaced/notes").write_text("of the user")
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "encoder", {"weights"}.__contains__):
        1 / 0
    assert (tmp_path / "encoder/notes").read_text() == "of the user" and os.listdir(tmp_path) == ["encoder"]


def test_somebody_else_s_files_under_the_temporary_name(tmp_path):
    (tmp_path / ".encoder.partial").mkdir()
    (tmp_path / ".encoder.partial/thesis").write_text("years of work")
    with pytest.raises(UserError, match="partial holds thesis, which was not made here"):
        with atomic_folder(tmp_path / "encoder", {"weights"}.__contains__):
            pass
    assert (tmp_path / ".encoder.partial/thesis").exists()
