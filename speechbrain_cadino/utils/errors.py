"""Errors that a user can act on, told in one sentence instead of a stack trace."""

import sys
from contextlib import contextmanager


class UserError(Exception):
    """Something that the user can put right: the message names the file, the setting and the remedy."""


@contextmanager
def one_sentence_errors():
    """Turn a `UserError` into one line on stderr and exit status 1, for command-line entry points.

    Example
    -------
    >>> with one_sentence_errors():
    ...     pass
    """
    try:
        yield
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
