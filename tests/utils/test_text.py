"""One reader of text for all lists and tables."""

import csv

import pytest

from speechbrain_cadino.clusters.table import read_label_table
from speechbrain_cadino.corpus.listing import read_file_list
from speechbrain_cadino.corpus.manifest import read_manifest
from speechbrain_cadino.corpus.trials import read_trials
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.text import open_table, read_text

READERS = {
    "file list": (read_file_list, "a.wav\nb.wav\n", lambda found: found),
    "trials": (read_trials, "1 a.wav b.wav\n", lambda found: found.utterances),
    "labels": (read_label_table, "a.wav 0\nb.wav 0\n", lambda found: found.ids.tolist()),
    "our labels": (
        read_label_table,
        "ID,cluster,distance\na.wav,0,0.5\nb.wav,1,\n",
        lambda found: found.ids.tolist(),
    ),
    "csv": (
        read_manifest,
        "ID,wav,start,stop\na.wav,/a.wav,0,16000\nb.wav,/b.wav,0,16000\n",
        lambda found: found.ids.tolist(),
    ),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_byte_order_marks_and_line_ends(tmp_path, reader, mark, end):
    read, text, names = READERS[reader]
    (tmp_path / "a").write_bytes(mark + text.replace("\n", end).encode())
    assert names(read(tmp_path / "a")) == ["a.wav", "b.wav"]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_other_encodings_are_told(tmp_path, reader, encoding):
    read, text, _ = READERS[reader]
    (tmp_path / "given").write_text(text, encoding=encoding)
    with pytest.raises(UserError, match="given cannot be read .*UTF-16"):
        read(tmp_path / "given")
    (tmp_path / "given").unlink()
    with pytest.raises(UserError, match="given cannot be read .No such file"):
        read(tmp_path / "given")
    with pytest.raises(UserError, match="cannot be read .Is a directory"):
        read(tmp_path)


@pytest.mark.parametrize("reader", sorted(set(READERS) - {"file list"}))
def test_text_that_is_not_utf_8(tmp_path, reader):
    read, text, _ = READERS[reader]
    (tmp_path / "given").write_bytes(text.replace("a.wav", "\u00e9.wav").encode("latin-1"))
    with pytest.raises(UserError, match="given cannot be read .it is not UTF-8 text, see b'..e9.wav'|not UTF-8"):
        read(tmp_path / "given")


def test_names_that_are_not_utf_8_come_through_where_they_are_wanted(tmp_path):
    (tmp_path / "a").write_bytes(b"a\xe9.wav\nb.wav")
    assert read_text(tmp_path / "a", "file list", "", errors="surrogateescape") == "a\udce9.wav\nb.wav"


def test_quoted_line_breaks_stay(tmp_path):
    (tmp_path / "a").write_bytes(b'\xef\xbb\xbfx,"y\r\nz"\r\n')
    with open_table(tmp_path / "a", "CSV", "") as file:
        assert list(csv.reader(file)) == [["x", "y\r\nz"]]
