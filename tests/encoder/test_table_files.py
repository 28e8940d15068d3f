"""Files of embeddings that other programs wrote: what would be read wrong is refused."""

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from speechbrain_cadino.encoder.table_files import read_any, read_table, write_table
from speechbrain_cadino.utils.errors import UserError

VALUES = np.arange(1, 9, dtype=np.float32).reshape(4, 2)
NAMES = ["a", "b", "c", "d"]


def parquet(path, **columns):
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


@pytest.mark.parametrize("embedding", [VALUES.tolist(), pyarrow.FixedSizeListArray.from_arrays(VALUES.ravel(), 2)])
def test_a_parquet_of_another_program(tmp_path, embedding):
    parquet(tmp_path / "x.parquet", ID=NAMES, embedding=embedding)
    table, seconds = read_table(tmp_path / "x.parquet")
    assert table.ids.tolist() == NAMES and seconds is None
    np.testing.assert_array_equal(table.embeddings, VALUES)


@pytest.mark.parametrize(
    "columns, said",
    [
        (dict(ID=["a", "b"], embedding=[[1.0, 2.0, 3.0], [4.0]]), "not of one length"),  # four values, two rows
        (dict(ID=["a", "b"], embedding=[[1.0, 2.0], None]), "not of one length"),
        (dict(ID=["a", "b"], embedding=[[1.0, 2.0], []]), "not of one length"),
        (dict(ID=["a", "b"], embedding=["x", "y"]), "no lists of numbers"),
        (dict(ID=["a", "b"], embedding=[1.0, 2.0]), "no lists of numbers"),
        (dict(ID=["a", None], embedding=[[1.0], [2.0]]), "an embedding without an ID"),
        (dict(ID=["a", "b"], embedding=[[1.0], [2.0]], duration=[1.0, None]), "durations that are not"),
        (dict(ID=["a", "b"], embedding=[[1.0], [2.0]], duration=["1", "2"]), "durations that are not"),
        (dict(name=["a"], embedding=[[1.0]]), "cannot be read"),
    ],
)
def test_a_parquet_that_would_be_read_wrong(tmp_path, columns, said):
    parquet(tmp_path / "x.parquet", **columns)
    with pytest.raises(UserError, match=said):
        read_table(tmp_path / "x.parquet")


@pytest.mark.parametrize("durations", [np.ones(3), np.full(4, np.nan), np.full(4, -1.0), np.ones((4, 1)), NAMES])
def test_durations_that_are_none(tmp_path, durations):
    np.savez(tmp_path / "x.npz", ids=NAMES, embeddings=VALUES, durations=durations)
    with pytest.raises(UserError, match="durations that are not a number of seconds for each ID"):
        read_table(tmp_path / "x.npz")


@pytest.mark.parametrize("suffix", ["npz", "csv", "parquet"])
def test_a_list_of_ids_beside_a_file_that_has_them(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    write_table(path, NAMES, VALUES)
    with pytest.raises(UserError, match="has its IDs in it"):
        read_table(path, tmp_path / "others.txt")
    if suffix != "npz":  # of which read_embeddings takes the array, with IDs of the list
        with pytest.raises(UserError, match="has its IDs in it"):
            read_any(path, tmp_path / "others.txt")


def test_durations_in_another_column(tmp_path):
    (tmp_path / "x.csv").write_text("ID,e0,duration\na,1,2\nb,4,3\n")
    with pytest.raises(UserError, match="its first line is not ID,duration"):
        read_table(tmp_path / "x.csv")
