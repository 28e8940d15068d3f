"""Ctrl-C and SIGTERM while a script imports what it needs, which takes seconds: one line and the status, no trace."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from speechbrain_cadino.utils.signals import NAMES, Stopped


@contextmanager
def stoppable_imports() -> Iterator[None]:
    """Within the block Ctrl-C and SIGTERM end the process: nothing was begun yet that could be lost.

    For the imports of a script, the first of which is this one; from there on `one_sentence_errors` sees to signals.
    Python would show where in whose import it was. The handlers before are put back; what the parent has told this
    process to ignore stays ignored.

    Example
    -------
    >>> with stoppable_imports():
    ...     import json
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signum: signal.getsignal(signum) for signum in NAMES}
    for signum, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(signum, _end)
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _end(signum, frame):
    stop = Stopped(signum)
    if os.environ.get("RANK", "0") == "0":
        os.write(2, f"{stop}\n".encode())
    os._exit(stop.status)  # an exception could be caught by what is being imported
