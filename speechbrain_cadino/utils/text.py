"""Lists and tables that users give, as text: one reader, so that a byte-order mark or another encoding is met once."""

import codecs
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from speechbrain_cadino.utils.errors import UserError

UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
HEAD_BYTES = 4096


def read_text(path: str | Path, kind: str, advice: str, errors: str = "strict") -> str:
    """Read a UTF-8 text whole; a byte-order mark is passed over, and every kind of line end becomes a newline.

    Arguments
    ---------
    path : str or Path
    kind : str
        What the file is, for the message: "trial list".
    advice : str
        What to do, for the message.
    errors : str
        "surrogateescape" lets bytes that are not UTF-8 through, for lists of file names; see `open` for others.

    Returns
    -------
    str

    Raises
    ------
    UserError
        If the file cannot be opened or is no UTF-8 text.

    Example
    -------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> _ = Path(folder.name, "list.txt").write_bytes(b"\\xef\\xbb\\xbfa.wav\\r\\nb.wav")
    >>> read_text(Path(folder.name, "list.txt"), "file list", "give a list of paths")
    'a.wav\\nb.wav'
    >>> folder.cleanup()
    """
    with _explained(path, kind, advice):
        data = Path(path).read_bytes()
        _check_head(data[:HEAD_BYTES], path, kind)
        return data.decode("utf-8-sig", errors).replace("\r\n", "\n").replace("\r", "\n")


@contextmanager
def open_table(path: str | Path, kind: str, advice: str) -> Iterator[TextIO]:
    """Open a UTF-8 table for `csv.reader`, without its byte-order mark. Errors as of `read_text`, also while reading.

    Arguments
    ---------
    path, kind, advice :
        As of `read_text`.

    Yields
    ------
    file object
        Its line ends are left as they are.
    """
    with _explained(path, kind, advice):
        with open(path, "rb") as file:
            _check_head(file.read(HEAD_BYTES), path, kind)
        with open(path, newline="", encoding="utf-8-sig") as file:
            yield file


def printable(path: str) -> str:
    """A path as it can be printed and written: line breaks and bytes that are not UTF-8 are written as escapes."""
    path = os.fsencode(path).decode("utf-8", "backslashreplace")
    return path.replace("\n", "\\n").replace("\r", "\\r")


def in_words(counts: Mapping[str, int]) -> str:
    """Counts by name as words, the largest first.

    Example
    -------
    >>> in_words({".txt": 2, "without suffix": 11})
    '11 without suffix, 2 .txt'
    """
    listed = [f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    return ", ".join(listed[:8] + (["and others"] if len(listed) > 8 else []))


@contextmanager
def _explained(path, kind, advice):
    try:
        yield
    except OSError as error:
        raise UserError(f"The {kind} {path} cannot be read ({error.strerror}): {advice}.") from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"The {kind} {path} cannot be read (it is not UTF-8 text, see {error.object[error.start :][:4]}): "
            f"save it as UTF-8, or {advice}."
        ) from error


def _check_head(head, path, kind):
    if head.startswith(UTF16_MARKS):
        raise UserError(f"The {kind} {path} cannot be read (it is UTF-16 text): save it as UTF-8.")
    if b"\0" in head:
        raise UserError(
            f"The {kind} {path} cannot be read (it holds zero bytes, as audio or UTF-16 text does): give a UTF-8 text."
        )
