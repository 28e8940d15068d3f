"""Utterances of the trial lists, however they are named."""

import os
import unicodedata

import pytest

from speechbrain_cadino.corpus.held_out import find_held_out
from speechbrain_cadino.utils.errors import UserError

FILES = ["id1/v/1.wav", "id1/v/2.wav", "id2/v/1.wav", "id2/v/2.wav"]


@pytest.fixture
def data(tmp_path):
    """Folder ``disk/data`` with FILES, empty: held-out lists look at names and identities alone."""
    return make(tmp_path / "disk/data", FILES)


def make(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def named(folder, trials, files=FILES, root=None, folders=(), tmp=None):
    """Which of ``files`` in ``folder`` are named by a list of these utterances."""
    path = (tmp or folder.parent) / "trials.txt"
    path.write_text("".join(f"1 {name} {name}\n" for name in trials))
    found = find_held_out([f"{folder}/{name}" for name in files], [path], root or folder, folders)
    return [name for name, out in zip(files, found.mask) if out]


@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "./{}",
        "x/../{}",
        "{data}/{}",
        "data/{}",
        "disk/data/{}",
        "../data/{}",
        "../../elsewhere/{}",
        "{data}/x/../{}",
    ],
)
def test_whatever_the_names_start_from(data, form):
    assert named(data, [form.format(FILES[0], data=data)]) == FILES[:1]


@pytest.mark.parametrize("form", ["{}", "data/{}", "linked/{}", "{link}/{}", "{data}/{}"])
@pytest.mark.parametrize("given", ["data", "link"])
def test_links_on_either_side(data, tmp_path, form, given):
    link = tmp_path / "linked"
    link.symlink_to(data)
    folder = {"data": data, "link": link}[given]
    assert named(folder, [form.format(FILES[2], data=data, link=link)], tmp=tmp_path) == [FILES[2]]


def test_files_that_are_links_or_hard_links(data, tmp_path):
    train = tmp_path / "train"
    train.mkdir()
    (train / "x.wav").symlink_to(data / FILES[0])
    os.link(data / FILES[1], train / "y.wav")
    (train / "z.wav").touch()
    files = ["x.wav", "y.wav", "z.wav"]
    assert named(train, [str(data / name) for name in FILES[:2]], files) == files[:2]
    assert named(train, FILES[:2], files, folders=[data]) == files[:2]
    assert named(train, ["data/id1/v/1.wav"], files) == ["x.wav"], "its path, the link resolved, ends so"
    assert named(train, FILES[1:2], files) == [] and named(train, ["data/" + FILES[1]], files, folders=[data]) == [
        "y.wav"
    ]


def test_paths_are_matched_by_whole_folders(tmp_path):
    files = ["dev/id1/v/1.wav", "id1/v/1.wav", "xid1/v/1.wav", "id1/v/2.wav", "v/1.wav", "a/flat.wav", "b/inflat.wav"]
    folder = make(tmp_path / "data", files)
    found = named(folder, ["id1/v/1.wav", "id2/v/1.wav", "flat.wav"], files)
    assert found == ["dev/id1/v/1.wav", "id1/v/1.wav", "v/1.wav", "a/flat.wav"], "v/1.wav may be id2/v/1.wav"
    assert named(folder, ["id1/v/1.wav"], files) == files[:2]


@pytest.mark.parametrize(
    "name", ["id1/v/1.m4a", "ID1/V/1.WAV", "id1/v/1", "/gone/id1/v/1.flac", "vox1/wav/id1/v/1.wav"]
)
def test_another_type_case_or_machine_is_the_same_utterance(tmp_path, name):
    files = ["id1/v/1.flac", "id1/v/10.flac", "id2/v/1.flac"]
    assert named(make(tmp_path / "flac", files), [name], files) == files[:1]


def test_a_converted_copy_of_files_that_are_elsewhere(data, tmp_path):
    files = [name.replace(".wav", ".flac") for name in FILES]
    copy = make(tmp_path / "copy", files)
    for names in (FILES[:1], [str(data / FILES[0])], ["data/" + FILES[0]]):
        assert named(copy, names, files, folders=[data]) == files[:1]


def test_dots_and_unicode_in_names(tmp_path):
    files = ["s.01/a.b.flac", "s.02/a.b.flac", unicodedata.normalize("NFD", "s\u00e9/1.wav"), "s/1.wav"]
    folder = make(tmp_path / "data", files)
    assert named(folder, ["s.01/a.b"], files) == files[:1] == named(folder, ["s.01/a.b.wav"], files)
    assert named(folder, [unicodedata.normalize("NFC", "s\u00e9/1.wav")], files) == files[2:3]


def test_bare_names(tmp_path):
    files = ["s1/0001.wav", "s2/0001.wav", "s2/0002.wav"]
    train, test = make(tmp_path / "train", files), make(tmp_path / "test", ["0001.wav", "0003.wav"])
    assert named(train, ["0001.wav"], files, folders=[test]) == [], "it is a file of the other folder"
    assert named(train, ["0002.wav", "0001.wav"], files, folders=[test]) == files[2:]
    assert named(train, ["0001.wav"], files) == files[:2], "it may be either"
    (tmp_path / "t.txt").write_text("1 0001.wav 0001.wav\n")
    found = find_held_out([f"{train}/{name}" for name in files], [tmp_path / "t.txt"], train)
    assert found.unsure == 2 and "2 files are left out only because" in " ".join(found.sentences())
    flat = make(tmp_path / "flat", ["0001.wav", "s1/0001.wav"])
    assert named(flat, ["0001.wav"], ["0001.wav", "s1/0001.wav"]) == ["0001.wav"]


def test_several_lists_and_none(data, tmp_path):
    for name, line in (
        ("a", f"1 {FILES[0]} {FILES[1]}"),
        ("b", f"0 {FILES[1]} {FILES[2]}"),
        ("c", "1 x/a.wav x/b.wav"),
    ):
        (tmp_path / name).write_text(line)
    wavs, lists = [str(data / name) for name in FILES], [tmp_path / name for name in "abc"]
    found = find_held_out(wavs, lists, data)
    assert found.mask.tolist() == [True, True, True, False] and found.unsure == 0
    assert found.found == {str(lists[0]): 2, str(lists[1]): 2, str(lists[2]): 0}
    assert list(found.sentences()) == [
        f"No training file is named by the trial list {lists[2]} (2 names, such as x/a.wav): right if it is of another "
        "corpus."
    ]
    assert not find_held_out(wavs, [], data).mask.any() and list(find_held_out(wavs, [], data).sentences()) == []
    with pytest.raises(UserError, match="none.txt"):
        find_held_out(wavs, [tmp_path / "none.txt"], data)


def test_many_files_in_little_time(tmp_path):
    """No work that grows with files times names."""
    wavs = [f"/gone/id{i // 100}/v{i % 10}/{i}.wav" for i in range(20000)]
    (tmp_path / "t.txt").write_text("".join(f"1 {wav[6:]} {wav[6:]}\n" for wav in wavs[::2]))
    assert find_held_out(wavs, [tmp_path / "t.txt"], "/gone").mask.tolist() == [True, False] * 10000
