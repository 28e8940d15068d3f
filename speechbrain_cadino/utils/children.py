"""Processes that this one starts, and the signals that come meanwhile: the main one decides when to end."""

import signal
import subprocess

from speechbrain_cadino.utils.signals import PATIENCE_IN_A_STEP, STOPPED, Stopped


def leave_signals_to_main(worker_id: int = 0) -> None:
    """In a worker process: the main one decides when to end, be the signal sent to all of them.

    Ctrl-C is ignored. SIGTERM, which the main process too sends to a worker that does not end by itself, ends it after
    a while: the main one may have a step to finish until then.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, lambda signum, frame: signal.alarm(int(PATIENCE_IN_A_STEP)))


def run_child(command: list[str], **settings) -> int:
    """Run a program to its end and give its exit status; a signal goes on to it, and its end is waited for.

    Arguments
    ---------
    command : list of str
    **settings
        As of `subprocess.Popen`.

    Example
    -------
    >>> run_child(["true"])
    0
    """
    process = subprocess.Popen(command, **settings)
    try:
        return process.wait()
    except Stopped as stop:
        process.send_signal(stop.status - 128)
        status = process.wait()
        if status in STOPPED:  # it has said what there is to say
            raise SystemExit(status) from stop
        raise
