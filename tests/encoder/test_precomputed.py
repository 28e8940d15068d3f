"""Embeddings from elsewhere: what is read of them, and what is refused."""

import numpy as np
import pytest

from speechbrain_cadino.encoder.precomputed import EmbeddingTable, read_embeddings
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


def test_several_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "embeddings.npz", FLOATS)
    write(tmp_path, array=None)
    with pytest.raises(UserError, match="embeddings.npz holds several arrays: give a .npy of one"):
        read_embeddings(tmp_path / "embeddings.npz")


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
        (np.where(FLOATS == 7, np.nan, FLOATS), "a\nb\nc\nd\n", "is not finite, as float32, in the row of c"),
        (
            np.where(FLOATS == 4, 1e39, FLOATS.astype(float)),
            "a\nb\nc\nd\n",
            "is not finite, as float32, in the row of b",
        ),
        (FLOATS, "ä\nb\nc\nd\n".encode("latin-1"), "list of IDs .* is not UTF-8"),
    ],
)
def test_what_is_no_table_of_embeddings(tmp_path, array, ids, said):
    write(tmp_path, array, ids)
    with pytest.raises(UserError, match=said):
        read_embeddings(tmp_path)
