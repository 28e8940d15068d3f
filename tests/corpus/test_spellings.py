"""Names of trial lists in other forms than a path: quoted, of another system, with their folders joined."""

import pytest

from speechbrain_cadino.corpus.held_out import find_held_out
from tests.corpus.test_held_out import make, named

FILES = [f"id1000{s}/x-_y{v}/0000{u}.wav" for s in range(2) for v in range(2) for u in range(3)]


@pytest.fixture
def data(tmp_path):
    return make(tmp_path / "disk/data", FILES)


@pytest.mark.parametrize(
    "form",
    [
        '"{}"', "'{}'", "\u201c{}\u201d", "`{}`", "<{}>", "{},", "{}#0", "file://{data}/{}", "file:{data}/{}",
        "FILE://host/elsewhere/{}", "$data_root/{}", "${{DATA}}/{}", "{{root}}/{}", "~/wav/{}", "C:/speech/{}",
        "'{data}/{}'", "\"file://{data}/{}\"",
    ],
)  # fmt: skip
@pytest.mark.parametrize("suffix", [".wav", ".WAV", ".flac", ""])
def test_quotes_and_roots(data, form, suffix):
    name = form.format(FILES[4].removesuffix(".wav") + suffix, data=data)
    assert named(data, [name], FILES) == [FILES[4]]


@pytest.mark.parametrize(
    "form",
    [
        "({})", "[{}]", "{{{}}}", "{}:0-16000", "{}[0:3]", "{}[0.5,2.5]", "{}?download=1", "\u202a{}", "\ufeff{}\u200b",
        "{}.npy", "{}.PT", "{}.gz", "{}_0.0_3.0",
    ],
)  # fmt: skip
def test_pieces_and_what_was_made_of_a_file(data, form):
    name = FILES[4].removesuffix(".wav") if form.endswith("3.0") else FILES[4]
    assert named(data, [form.format(name)], FILES) == [FILES[4]]


@pytest.mark.parametrize("slash", ["%2F", "%2f", "\uff0f", "\u2215", "\u2044"])
def test_other_slashes(data, slash):
    assert named(data, [FILES[5].replace("/", slash)], FILES) == [FILES[5]]


@pytest.mark.parametrize(
    "name", ["a/b%20c.wav", "a/x(1).wav", "a/x[2].wav", "a/1:2.wav", "a/u_0.5_1.5.wav", "a/q?x.wav"]
)
def test_a_file_that_is_called_so(tmp_path, name):
    files = [name, "a/b.wav", "a/x.wav", "a/1.wav", "a/u.wav", "a/q.wav"]
    assert named(make(tmp_path / "data", files), [name], files)[:1] == [name]


@pytest.mark.parametrize("form", ["{}", "C:/speech/{}", "'{}'", "..//{}", "{data}/{}"])
@pytest.mark.parametrize("slash", ["\\", "\\\\"])
def test_backslashes(data, form, slash):
    name = form.format(FILES[7], data=data).replace("/", slash)
    assert named(data, [name], FILES) == [FILES[7]]


@pytest.mark.parametrize("joint", ["-", "--", "_", "__", ":", "|", "~", "."])
@pytest.mark.parametrize("suffix", [".wav", ".m4a", ""])
@pytest.mark.parametrize("above", ["", "dev/", "wav/dev/"])
def test_folders_that_are_joined(data, joint, suffix, above):
    name = (above + FILES[8].removesuffix(".wav")).replace("/", joint) + suffix
    files = [above + path for path in FILES]
    assert named(make(data, files), [name], files) == [above + FILES[8]]
    assert named(make(data, files), [FILES[8].replace("/", joint)], files) == [above + FILES[8]]
    assert named(make(data, files), [name.replace("id10001", "id20001")], files) == []


@pytest.mark.parametrize("joint", ["-", "--", "_"])
def test_files_whose_names_join_the_folders_of_the_list(tmp_path, joint):
    files = ["deep/" + path.replace("/", joint) for path in FILES]
    folder = make(tmp_path / "data", files)
    assert named(folder, [FILES[3], "wav/" + FILES[4], "id7/x-_y0/00000.wav"], files) == files[3:5]
    assert named(folder, ["y0/00000.wav"], files) == []


def test_test_files_elsewhere_are_found_by_such_names(data, tmp_path):
    """So that copies of them can be found; and a converted file of that name in the corpus is one of them."""
    files = [path.replace(".wav", ".flac") for path in FILES]
    train = make(tmp_path / "train", files)
    for number, name in enumerate(
        [FILES[1].replace("/", "-"), FILES[1][:-4], FILES[1].replace("/", "\\"), FILES[1][:-4].replace("/", "--")]
    ):
        path = tmp_path / f"list{number}.txt"
        path.write_text(f"1 {name} {name}\n")
        found = find_held_out([f"{train}/{file}" for file in files], [path], train, [data])
        assert str(data / FILES[1]) in found.originals
        assert [file for file, out in zip(files, found.mask) if out] == [files[1]]


def test_what_may_be_several(tmp_path):
    files = ["a/b-c.wav", "a-b/c.wav", "d/e.wav", "f.wav"]
    folder = make(tmp_path / "data", files)
    (tmp_path / "t.txt").write_text("1 a-b-c d-e\n")
    found = find_held_out([f"{folder}/{file}" for file in files], [tmp_path / "t.txt"], folder)
    assert found.mask.tolist() == [True, True, True, False]
    (sentence,) = found.sentences()
    assert "2 files are left out because a trial's name may mean each of them, such as a-b-c both" in sentence


def test_a_name_that_a_file_has_is_no_joined_one(tmp_path):
    files = ["a-b.wav", "a/b.wav", "s/a_b.wav"]
    assert named(make(tmp_path / "data", files), ["a-b.wav"], files) == files[:1]


@pytest.mark.parametrize(
    "absent, said", [(0, None), (2, None), (3, "3 of 5 names"), (4, "4 of 5 names"), (5, "(5 names, such")]
)
def test_where_most_names_are_not_found(data, tmp_path, absent, said):
    names = [f"gone/{i}/1.wav" for i in range(absent)] + FILES[absent:5]
    path = tmp_path / "trials.txt"
    path.write_text("".join(f"0 {one} {other}\n" for one, other in zip(names, names[1:])))
    sentences = list(find_held_out([f"{data}/{name}" for name in FILES], [path], data).sentences())
    assert len(sentences) == (said is not None)
    assert said is None or said in sentences[0] and "such as gone/0/1.wav" in sentences[0] and str(path) in sentences[0]


def test_the_example_is_a_name_that_is_nowhere(data, tmp_path):
    other = make(tmp_path / "other", ["t/1.wav", "t/2.wav"])
    path = tmp_path / "trials.txt"
    path.write_text(f"0 t/1.wav t/2.wav\n0 t/3.wav {FILES[0]}\n")
    (sentence,) = find_held_out([f"{data}/{name}" for name in FILES], [path], data, [other]).sentences()
    assert "3 of 4 names" in sentence and "such as t/3.wav" in sentence
