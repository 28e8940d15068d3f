"""Embeddings from elsewhere: what is read of them, and what is refused."""

import numpy as np
import pytest

from speechbrain_cadino.encoder.precomputed import EmbeddingTable
from speechbrain_cadino.encoder.read_embeddings import embeddings_digest, read_embeddings
from speechbrain_cadino.encoder.table_files import read_table
from speechbrain_cadino.utils.errors import UserError

FLOATS = np.arange(12, dtype=np.float32).reshape(4, 3)


def write(folder, array=FLOATS, ids="a\nb\nc\nd\n"):
    if array is not None:
        np.save(folder / "embeddings.npy", array)
    if ids is not None:
        (folder / "ids.txt").write_bytes(ids if isinstance(ids, bytes) else ids.encode())


def test_a_folder_or_two_files(tmp_path):
    write(tmp_path)
    (tmp_path / "others.txt").write_text("x\ny\nz\nw")
    for table in (read_embeddings(tmp_path), read_embeddings(tmp_path / "embeddings.npy")):
        assert table.ids.tolist() == list("abcd") and np.array_equal(table.embeddings, FLOATS) and table.dim == 3
    named = read_embeddings(tmp_path / "embeddings.npy", tmp_path / "others.txt")
    assert named.ids.tolist() == list("xyzw")
    part = named.subset([3, 0]).subset(np.array([False, True]))
    assert part.ids.tolist() == ["x"] and np.array_equal(part.embeddings, FLOATS[[0]]) and part.array is named.array


@pytest.mark.parametrize(
    "ids, read",
    [
        (b"\xef\xbb\xbfa\r\nb\r\nc\r\nd\r\n", ["a", "b", "c", "d"]),
        ("a\u2028x\nb\x0bx\nc\x85x\nd", ["a\u2028x", "b\x0bx", "c\x85x", "d"]),
    ],
)
def test_ids_of_other_editors_and_with_other_ends_of_lines(tmp_path, ids, read):
    write(tmp_path, ids=ids)
    assert read_embeddings(tmp_path).ids.tolist() == read


def test_the_digest_is_of_ids_and_numbers():
    table = EmbeddingTable(list("abcd"), FLOATS)
    assert table.digest() == EmbeddingTable(list("abcd"), FLOATS.copy()).digest()
    assert len({table.digest(), EmbeddingTable(list("abce"), FLOATS).digest(), table.subset([1, 0]).digest()}) == 3


IDS = np.array(["a/1.wav", "ä", "c", "d"])


@pytest.mark.parametrize("names", [("E", "paths"), ("ids", "embeddings")])
def test_a_file_of_both_whatever_they_are_called(tmp_path, names):
    arrays = (FLOATS.astype(np.float16), IDS) if names[0] == "E" else (IDS, FLOATS)
    np.savez_compressed(tmp_path / "x.npz", **dict(zip(names, arrays)), sessions=np.arange(4))
    table = read_embeddings(tmp_path / "x.npz")
    assert table.ids.tolist() == IDS.tolist() and np.array_equal(table.embeddings, FLOATS)
    (tmp_path / "others.txt").write_text("x\ny\nz\nw\n")
    assert read_embeddings(tmp_path / "x.npz", tmp_path / "others.txt").ids.tolist() == list("xyzw")


def test_ids_as_bytes(tmp_path):
    np.savez(tmp_path / "x.npz", e=FLOATS, i=np.array([b"a", b"b", "\u00e4".encode(), b"d"]))
    assert read_embeddings(tmp_path / "x.npz").ids.tolist() == ["a", "b", "ä", "d"]


@pytest.mark.parametrize(
    "arrays, said",
    [
        (dict(a=FLOATS), "holds a .float32, .4, 3..: give one array of floats"),
        (dict(a=FLOATS, b=FLOATS, c=IDS), "give one array of floats"),
        (dict(a=FLOATS, b=IDS, c=IDS), "one of text"),
        (dict(a=FLOATS, b=np.array(list(IDS), dtype=object)), "cannot be read"),
        (dict(a=FLOATS.astype(int), b=IDS), "give one array of floats"),
        (dict(), "holds no array"),
        (dict(a=FLOATS, b=IDS[:3]), "has 4 rows and .*x.npz 3 IDs"),
        (dict(a=FLOATS, b=np.array(["a", "b", "c", "a"])), "x.npz has a more than once"),
        (
            dict(a=np.where(FLOATS == 7, np.inf, FLOATS), b=IDS),
            "not finite, or over 1e.15, as float32, in the row of c",
        ),
    ],
)
def test_what_is_no_file_of_both(tmp_path, arrays, said):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(UserError, match=said):
        read_embeddings(tmp_path / "x.npz")


@pytest.mark.parametrize("keep", [0, 30, 0.5, 0.95])
def test_a_file_that_was_cut_short(tmp_path, keep):
    np.savez(tmp_path / "x.npz", a=FLOATS, b=IDS)
    whole = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(whole[: int(keep * len(whole)) if keep < 1 else keep])
    with pytest.raises(UserError, match="x.npz cannot be read"):
        read_embeddings(tmp_path / "x.npz")


def test_rows_by_id_else_by_what_differs_no_more_than_suffix_and_case():
    table = EmbeddingTable(["b/2.flac", "/A/1.WAV", "c/3"], FLOATS[:3])
    assert table.rows_of(["c/3", "a/1.wav", "x"], "FILE").tolist() == [2, -1, -1]  # some are exact
    assert table.rows_of(["a/1.wav", "x", "b/2.wav"], "FILE").tolist() == [1, -1, 0]
    with pytest.raises(UserError, match="No training utterance has an embedding in FILE: .* b/2.flac, .* like x"):
        table.rows_of(["x", "y"], "FILE")
    with pytest.raises(UserError, match="FILE has 2 embeddings of a"):
        EmbeddingTable(["a.wav", "A.flac", "b"], FLOATS[:3]).rows_of(["a.ogg", "c"], "FILE")


def test_the_digest_of_files(tmp_path):
    assert embeddings_digest(tmp_path) == embeddings_digest(tmp_path / "x.npz") == "absent"
    write(tmp_path)
    one = embeddings_digest(tmp_path)
    assert one == embeddings_digest(tmp_path / "embeddings.npy")
    write(tmp_path, ids="a\nb\nc\ne\n")
    assert embeddings_digest(tmp_path) != one


@pytest.mark.parametrize(
    "array, ids, said",
    [
        (None, "a\n", "cannot be read .*No such file"),
        (FLOATS, None, "cannot be read .*No such file"),
        (FLOATS[0], "a\nb\nc\n", r"holds float32 of the shape \(3,\)"),
        (FLOATS.astype(int), "a\nb\nc\nd\n", "holds int64"),
        (FLOATS[:0], "", r"of the shape \(0, 3\)"),
        (np.array([["a"]], dtype=object), "a\n", "cannot be read"),
        (FLOATS, "a\nb\nc\n", "has 4 rows and .* 3 IDs"),
        (FLOATS, "a\nb\nc\na\n", "has a more than once"),
        (
            np.where(FLOATS == 7, np.nan, FLOATS),
            "a\nb\nc\nd\n",
            "is not finite, or over 1e.15, as float32, in the row of c",
        ),
        (
            np.where(FLOATS == 4, 1e39, FLOATS.astype(float)),
            "a\nb\nc\nd\n",
            "is not finite, or over 1e.15, as float32, in the row of b",
        ),
        (FLOATS * 1e16, "a\nb\nc\nd\n", "or over 1e.15, as float32, in the row of a"),
        (FLOATS * [[1], [1], [0], [1]], "a\nb\nc\nd\n", "has zeros alone, which have no direction, in the row of c"),
        (FLOATS, "ä\nb\nc\nd\n".encode("latin-1"), "list of IDs .* is not UTF-8"),
    ],
)
def test_what_is_no_table_of_embeddings(tmp_path, array, ids, said):
    write(tmp_path, array, ids)
    with pytest.raises(UserError, match=said):
        read_embeddings(tmp_path)


@pytest.mark.parametrize("read", [read_embeddings, read_table])
def test_a_damaged_file_is_one_sentence_whatever_numpy_makes_of_it(tmp_path, read):
    path, rng = tmp_path / "x.npz", np.random.default_rng(0)
    np.savez_compressed(path, ids=IDS, embeddings=FLOATS)
    whole, refused = path.read_bytes(), 0
    for _ in range(200):
        damaged = bytearray(whole)
        for place in rng.integers(len(whole), size=3):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            read(path)
        except UserError as error:
            refused += "\n" not in str(error)
    assert refused > 100


@pytest.mark.parametrize("read", [read_embeddings, read_table])
def test_ids_that_are_no_utf8_are_one_sentence(tmp_path, read):
    np.savez(tmp_path / "x.npz", ids=np.array([b"a", b"\xe9", b"c", b"d"]), embeddings=FLOATS)
    with pytest.raises(UserError, match="UTF-8|utf-8"):
        read(tmp_path / "x.npz")
