"""A folder's lock: who holds it is said, whoever ends gives it back, and nothing is touched by who is refused."""

import errno
import fcntl
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.locks import LOCK, FolderLock, hold_folder, is_held

HOLD = """
import os, sys, time
from speechbrain_cadino.utils.locks import hold_folder
with hold_folder(sys.argv[1]):
    in_child = "fork" in sys.argv and os.fork() == 0
    if in_child == ("fork" in sys.argv):
        print("held", flush=True)
    time.sleep(60) if in_child else sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Give a function that starts a process which holds the folder until its input is closed."""
    started = []

    def start(*more):
        command = [sys.executable, "-c", HOLD, str(tmp_path), *more]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.communicate()


@pytest.mark.parametrize("announced", [False, True])
@pytest.mark.parametrize("written", [False, True])
def test_folders_that_were_made_for_nothing_go(tmp_path, announced, written):
    (tmp_path / "there").mkdir()
    lock = FolderLock(tmp_path / "there/results/1")
    lock.acquire()
    if announced:
        lock.announce()
    (lock.folder / "save").mkdir()
    if written:
        (lock.folder / "kept").touch()
    lock.release()
    assert (tmp_path / "there").exists() and (lock.folder / "kept").exists() is written
    assert (lock.folder / "save").exists() is announced and lock.folder.parent.exists() is (announced or written)


def test_an_empty_folder_that_was_there_stays(tmp_path):
    (tmp_path / "run/save").mkdir(parents=True)
    lock = FolderLock(tmp_path / "run")
    lock.acquire()
    lock.release()
    assert (tmp_path / "run/save").exists()


def test_a_second_process_is_told_who_holds_it(holder, tmp_path):
    process = holder()
    before = (tmp_path / LOCK).read_bytes(), (tmp_path / LOCK).stat().st_mtime_ns
    with pytest.raises(UserError) as error:
        FolderLock(tmp_path).acquire()
    message = str(error.value)
    assert f"process {process.pid} on {socket.gethostname()} since 20" in message and "-c" in message
    assert str(tmp_path) in message and time.strftime("%Y-%m-%d") in message
    assert before == ((tmp_path / LOCK).read_bytes(), (tmp_path / LOCK).stat().st_mtime_ns)
    process.communicate()
    with hold_folder(tmp_path):
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("more", [(), ("fork",)])
def test_a_killed_process_leaves_nothing_in_the_way(holder, tmp_path, more):
    process = holder(*more)
    process.kill()
    process.wait()
    assert (tmp_path / LOCK).exists()
    lock = FolderLock(tmp_path)
    lock.acquire()
    lock.release()  # nothing announced, so nothing is touched
    assert (tmp_path / LOCK).exists()
    with hold_folder(tmp_path):
        pass
    assert os.listdir(tmp_path) == []


def test_before_the_holder_has_said_who_it_is(holder, tmp_path):
    lock = FolderLock(tmp_path)
    lock.acquire()
    with pytest.raises(UserError, match="another process that has just started"):
        FolderLock(tmp_path).acquire()
    lock.release()
    process = holder()
    process.kill()
    process.wait()
    lock.acquire()  # what the killed one wrote is still there
    with pytest.raises(UserError, match=f"perhaps one that process {process.pid} .* has left behind"):
        FolderLock(tmp_path).acquire()
    lock.release()


def test_it_is_given_back_whatever_happens(tmp_path):
    with pytest.raises(KeyError), hold_folder(tmp_path / "new/folder"):
        raise KeyError
    with hold_folder(tmp_path / "new/folder"), pytest.raises(UserError, match="is in use"):
        FolderLock(tmp_path / "new/folder").acquire()


def test_beside_the_folder(tmp_path):
    with hold_folder(tmp_path / "corpus", tmp_path / ".corpus.lock"):
        assert os.listdir(tmp_path) == [".corpus.lock"]
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        FolderLock(tmp_path / "file").acquire()


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with caplog.at_level(logging.WARNING), hold_folder(tmp_path) as lock:
        assert lock.fileno() is None
    assert f"{tmp_path} lies on a file system without locks (No locks available)" in caplog.text


def test_whether_it_is_held_can_be_asked_without_touching_it(tmp_path, holder):
    assert not is_held(tmp_path) and not is_held(tmp_path / "nothing")
    process = holder()
    assert is_held(tmp_path)
    with pytest.raises(UserError, match="is in use by"):  # still
        FolderLock(tmp_path).acquire()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert (tmp_path / LOCK).exists() and not is_held(tmp_path)


def test_of_a_process_elsewhere_it_is_not_known_that_it_has_ended(tmp_path):
    who = {"pid": 1, "host": f"not-{socket.gethostname()}", "since": "2001-01-01 00:00:00", "command": "x"}
    (tmp_path / LOCK).write_text(json.dumps(who))
    assert is_held(tmp_path)
    for damaged in ("", "{}", json.dumps(who | {"since": "now"}), json.dumps(who | {"pid": "x"}), "[]"):
        (tmp_path / LOCK).write_text(damaged)
        assert not is_held(tmp_path)
