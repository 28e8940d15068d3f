"""Ctrl-C and SIGTERM: a program ends with one sentence, in training at a moment that loses nothing.

The first signal raises `Stopped`, or, while `holding`, is only noted until the training looks. A second one ends the
process at once. Python's own handlers run in the main thread between two of its instructions, so a process that waits
in foreign code for a rank that is gone would never answer: a thread hears the signals too and ends it after a while.
"""

import atexit
import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
STOPPED = tuple(128 + signum for signum in NAMES)  # the exit statuses
# A terminal and torchrun send the same Ctrl-C one after the other: that is one wish.
AGAIN_AFTER = 1.0  # seconds
# torchrun and Slurm send SIGKILL after 30 s.
PATIENCE = 5.0  # seconds that foreign code, such as a clustering library's, may go on
PATIENCE_IN_A_STEP = 20.0  # seconds for the step in which the signal came


class Stopped(KeyboardInterrupt):
    """The user has stopped the program; the message is for them.

    Arguments
    ---------
    signum : int
    done : str
        What was reached, such as "stopped at step 12 of epoch 3, saved".

    Attributes
    ----------
    status : int
        The exit status, as a shell gives it: 130 after Ctrl-C, 143 after SIGTERM.
    """

    def __init__(self, signum: int, done: str = "stopped"):
        super().__init__(f"{done} ({NAMES[signum]}): the same command goes on.")
        self.status = 128 + signum


class _Listener:
    """What has come, and whether the main thread has heard of it."""

    def __init__(self):
        self.signum, self.held, self.done = None, False, "stopped"
        self.heard = threading.Event()

    def handle(self, signum, frame):
        """The handler in the main thread; of all signals the first counts, the thread sees to a second one."""
        self.heard.set()
        if self.signum is None:
            self.signum = signum
            if not self.held:
                raise Stopped(signum, self.done)

    def listen(self, pipe):
        """What the thread does, until the pipe is closed."""
        first, came = None, 0.0
        while True:
            waits = first is not None and not self.heard.is_set()
            if not select.select([pipe], [], [], 0.5 if waits else None)[0]:
                patience = PATIENCE_IN_A_STEP if self.held else PATIENCE
                if not self.heard.is_set() and time.monotonic() - came > patience:
                    _end_now(first, "stopped in the middle of a computation")
                continue
            received = os.read(pipe, 64)
            if not received:
                return
            for signum in filter(NAMES.__contains__, received):
                if first is None:
                    first, came = signum, time.monotonic()
                elif time.monotonic() - came > AGAIN_AFTER:
                    _end_now(signum, "stopped at once")


_listener = None


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into `Stopped` within the block; in the main thread, for command-line entry points.

    What the parent has told this process to ignore, as ``nohup`` and background jobs of scripts do, stays ignored.
    """
    global _listener
    if _listener is not None or threading.current_thread() is not threading.main_thread():
        yield
        return
    listener = _Listener()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = {signum: signal.getsignal(signum) for signum in NAMES}
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=listener.listen, args=[reader], daemon=True, name="signals").start()
    _listener = listener
    atexit.register(_ignore_at_last, listener)  # this early, it is called after what others have registered
    try:
        for signum, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(signum, listener.handle)
        yield
    finally:
        _listener = None
        if listener.signum is None:  # else Python is about to end, and the same signal may come once more
            signal.set_wakeup_fd(wakeup)
            for signum, handler in before.items():
                signal.signal(signum, handler)
            os.close(writer)


@contextmanager
def holding() -> Iterator[None]:
    """Within the block a first signal is only noted: look with `stop_signal` where ending loses nothing.

    If nobody has looked, `Stopped` is raised where the block ends.
    """
    if _listener is None or _listener.held:
        yield
        return
    _listener.held = True
    try:
        yield
    finally:
        _listener.held = False
    if _listener.signum is not None:
        raise Stopped(_listener.signum)


@contextmanager
def not_holding(done: str = "stopped") -> Iterator[None]:
    """Within a block of `holding`, a part that takes long and can be made again: a signal ends it as elsewhere.

    Arguments
    ---------
    done : str
        What `Stopped` then says of it, such as "stopped in the evaluation of epoch 3, its steps saved".
    """
    if _listener is None or not _listener.held:
        yield
        return
    _listener.held, _listener.done = False, done
    try:
        if _listener.signum is not None:
            raise Stopped(_listener.signum, done)
        yield
    finally:
        _listener.held, _listener.done = True, "stopped"


def stop_signal() -> int:
    """The signal that came while `holding`, 0 if none has."""
    return 0 if _listener is None or _listener.signum is None else int(_listener.signum)


def _ignore_at_last(listener):
    """Python gives up its handlers before it ends: a signal that comes once more would change the exit status."""
    if listener.signum is not None:
        for signum in NAMES:
            signal.signal(signum, signal.SIG_IGN)


def _end_now(signum, done):
    os.write(2, f"\n{Stopped(signum, done)}\n".encode())
    os._exit(128 + signum)
