"""Ctrl-C and SIGTERM in a process of its own: one line, the status, and no trace."""

import os
import signal
import subprocess
import sys
import time

import pytest

from speechbrain_cadino.utils.errors import one_sentence_errors
from speechbrain_cadino.utils.imports import stoppable_imports
from speechbrain_cadino.utils.signals import Stopped, holding, not_holding, stop_signal

SCRIPT = """
import ctypes, sys, time
from concurrent.futures import ThreadPoolExecutor
from speechbrain_cadino.utils.errors import one_sentence_errors
from speechbrain_cadino.utils.signals import Stopped, holding, stop_signal
with one_sentence_errors():
    print("ready", flush=True)
    {body}
"""
WAITING = "time.sleep(60)"
IN_A_POOL = "list(ThreadPoolExecutor(2).map(time.sleep, [1] * 2 + [0.01] * 20)); time.sleep(60)"
IN_FOREIGN_CODE = "ctypes.CDLL(None).usleep.restype; [ctypes.PyDLL(None).getpid() for _ in iter(int, 1)]"
IN_A_STEP = """
    with holding():
        for step in range(100):
            time.sleep(0.1)
            if stop_signal():
                raise Stopped(stop_signal(), f"stopped at a step, saved")"""
DEAF = """
    with holding():
        time.sleep(60)"""


def end(body, *signals):
    """Status and lines on stderr after signals, each with the seconds to wait after it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(body=body)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    if "run_child" in body:
        assert process.stdout.readline() == "ready\n"  # the child's
    for signum, seconds in signals:
        time.sleep(0.1)
        process.send_signal(signum)
        time.sleep(seconds)
    _, err = process.communicate(timeout=30)
    return process.returncode, err.strip().splitlines()


@pytest.mark.parametrize("signum, status, name", [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")])
@pytest.mark.parametrize("body", [WAITING, IN_A_POOL, IN_FOREIGN_CODE])
def test_one_line_and_the_status_of_a_shell(body, signum, status, name):
    assert end(body, (signum, 0)) == (status, [f"stopped ({name}): the same command goes on."])


def test_while_holding_the_program_chooses_the_moment():
    # A terminal and torchrun send the same signal twice.
    found = end(IN_A_STEP, (signal.SIGINT, 0), (signal.SIGINT, 0))
    assert found == (130, ["stopped at a step, saved (Ctrl-C): the same command goes on."])


def test_a_second_signal_ends_at_once():
    assert end(DEAF, (signal.SIGINT, 1.2), (signal.SIGTERM, 0)) == (
        143,
        ["stopped at once (SIGTERM): the same command goes on."],
    )


@pytest.mark.parametrize("child", [WAITING, IN_A_STEP])
def test_a_program_that_runs_another_passes_the_signal_on_and_adds_nothing(child):
    command = [sys.executable, "-c", SCRIPT.format(body=child)]
    status, lines = end(
        f"from speechbrain_cadino.utils.children import run_child; run_child({command!r})", (signal.SIGTERM, 0)
    )
    assert status == 143 and len(lines) == 1 and lines[0].endswith("(SIGTERM): the same command goes on.")


def raise_signal():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.01)


@pytest.fixture
def left_alone():
    """Handlers that outlive a program that was stopped would outlive the test."""
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    yield
    signal.set_wakeup_fd(-1)
    for signum, handler in before.items():
        signal.signal(signum, handler)


def test_an_undisturbed_program_leaves_the_signals_as_they_were():
    before = signal.getsignal(signal.SIGTERM)
    with one_sentence_errors():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_within_one_process(left_alone, capsys):
    with pytest.raises(SystemExit) as stop, one_sentence_errors(), holding():
        raise_signal()
        assert stop_signal() == signal.SIGTERM
        with not_holding():
            raise AssertionError("it was noted before")
    assert stop.value.code == 143 and capsys.readouterr().err.startswith("stopped (SIGTERM)")
    with pytest.raises(SystemExit), one_sentence_errors():
        with holding():
            raise_signal()  # nobody looks
        raise AssertionError("it was noted before")
    with pytest.raises(SystemExit), one_sentence_errors(), holding(), not_holding():
        raise_signal()
        raise AssertionError("it ends here")
    capsys.readouterr()
    with pytest.raises(SystemExit), one_sentence_errors(), holding():
        with not_holding("stopped in the first part"):
            pass
        with not_holding("stopped in the second part, all saved"):
            raise_signal()
    assert capsys.readouterr().err.startswith("stopped in the second part, all saved (SIGTERM): the same command")
    assert not stop_signal()
    with holding(), not_holding():  # without a program around them they do nothing
        pass


def test_the_status_goes_with_the_signal():
    assert (Stopped(signal.SIGINT).status, Stopped(signal.SIGTERM).status) == (130, 143)
    assert str(Stopped(signal.SIGINT, "stopped at step 3 of epoch 2, saved")) == (
        "stopped at step 3 of epoch 2, saved (Ctrl-C): the same command goes on."
    )


def test_imports_leave_the_signals_as_they_were(left_alone):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as nohup does
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    with stoppable_imports():
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) != before[signal.SIGTERM]
    assert {signum: signal.getsignal(signum) for signum in before} == before
    with pytest.raises(ModuleNotFoundError), stoppable_imports():
        import not_there  # noqa: F401
    assert {signum: signal.getsignal(signum) for signum in before} == before


def test_the_guard_of_imports_imports_nothing_heavy():
    code = "import sys; import speechbrain_cadino.utils.imports; print(*{'numpy', 'torch', 'yaml'} & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == ""
