"""Errors that a user can act on, told in one sentence instead of a stack trace."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from speechbrain_cadino.utils.signals import Stopped, stopping_on_signals


class UserError(Exception):
    """Something that the user can put right: the message names the file, the setting and the remedy."""

    quiet = False  # whether somebody else says it


Kind = TypeVar("Kind", bound="FileError")


class FileError(UserError):
    """A file of the corpus that cannot be used: the message names the file, the reason and a remedy.

    ``reason`` is the reason alone, for lists that name the file in another column.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        # The message alone must do: a data loader's worker passes nothing else on.
        super().__init__(message)
        self.reason = reason

    @classmethod
    def of(cls: type[Kind], path: str | Path, reason: str, remedy: str = "leave it out") -> Kind:
        """The error of a path."""
        return cls(f"{path} {reason}: {remedy}.", reason)


@contextmanager
def one_sentence_errors() -> Iterator[None]:
    """End a command-line program with one line on stderr, and no stack trace, where the cause is known.

    Exit status 1: a `UserError`, a full or broken disk, memory that ran out, another rank that has ended; 130: Ctrl-C;
    143: SIGTERM; 141 and no line: what read the output is gone (``| head``). What is none of these passes as it is.

    Example
    -------
    >>> with one_sentence_errors():
    ...     pass
    """
    before, logging.raiseExceptions = logging.raiseExceptions, False  # a log on a full disk has no trace to show
    try:
        with stopping_on_signals():
            try:
                yield
            finally:
                sys.stdout.flush()  # a reader that is gone shows here, not when Python ends
    except Stopped as stop:
        _end(stop.status, str(stop) if os.environ.get("RANK", "0") == "0" else None)
    except KeyboardInterrupt:
        _end(130, str(Stopped(2)))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        _end(141)
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        _end(1, None if getattr(error, "quiet", False) else f"error: {sentence}")
    finally:
        logging.raiseExceptions = before


def _end(status, line=None):
    if line is not None:
        _into_log_files(line)
        try:
            print(line, file=sys.stderr, flush=True)
        except OSError:  # a terminal that is gone
            pass
    sys.exit(status)


def _into_log_files(line):
    """The log of a run says why it ended, too: what is on a screen is gone the next day."""
    record = logging.LogRecord(__name__, logging.ERROR, __file__, 0, line, None, None)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler):
            handler.handle(record)


def _sentence(error):
    """What an error says to a user; None if it is a fault of the program."""
    if isinstance(error, UserError):
        return str(error)
    from speechbrain_cadino.utils.disk import disk_sentence  # it needs UserError

    for known in (_memory_sentence, _worker_sentence, _rank_sentence, disk_sentence):
        sentence = known(error)
        if sentence is not None:
            return sentence
    return None


def _memory_sentence(error):
    text = str(error).strip()
    on_gpu = type(error).__name__ == "OutOfMemoryError" or "CUDA out of memory" in text
    if on_gpu:
        return (
            f"The GPU's memory is full ({_first_sentence(text)}): lower batch_size (batch_seconds where utterances are "
            "embedded), raise grad_accumulation_factor in its place, or end what else runs there."
        )
    if isinstance(error, MemoryError) or "can't allocate memory" in text:
        why = f" ({_first_sentence(text)})" if text else ""
        return f"The memory is full{why}: lower batch_size or num_workers, set preload to False, or end what else runs."
    return None


def _worker_sentence(error):
    text = str(error)
    if isinstance(error, RuntimeError) and "DataLoader worker" in text:
        return (
            f"A worker process that reads audio has ended ({_first_sentence(text)}), most often for lack of memory: "
            "lower num_workers in loader_options; the same command goes on."
        )
    return None


def _rank_sentence(error):
    """Where one rank ends, the others find its connection closed, and have nothing to add."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return None
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error)
    closed = (
        "closed by peer",
        "Connection closed",
        "reset by peer",
        "Broken pipe",
        "Socket closed",
        "recvValue failed",
    )
    if names & {"DistError", "DistNetworkError"} or (
        isinstance(error, RuntimeError) and any(c in text for c in closed)
    ):
        return f"rank {os.environ.get('RANK')} ends because another one has: see what that one says."
    return None


def _first_sentence(text):
    line = " ".join(text.split("\n")[-1 if "Original Traceback" in text else 0].split())
    return line.split(". ")[0].rstrip(".")[:200]
