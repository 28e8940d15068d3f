"""Sentences instead of stack traces."""

import logging
import os
import subprocess
import sys

import pytest
import torch

from speechbrain_cadino.utils.errors import UserError, one_sentence_errors


def test_a_user_error_is_one_line_and_status_1(capsys):
    with pytest.raises(SystemExit) as stop, one_sentence_errors():
        raise UserError("The list a.txt is empty: give another.")
    assert stop.value.code == 1
    assert capsys.readouterr() == ("", "error: The list a.txt is empty: give another.\n")


def test_what_ends_a_run_is_in_its_log_too_and_on_the_screen_once(tmp_path, capsys):
    handler = logging.FileHandler(tmp_path / "log.txt")
    handler.setFormatter(logging.Formatter("%(name)s - %(levelname)s - %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        with pytest.raises(SystemExit), one_sentence_errors():
            raise UserError("The list a.txt is empty: give another.")
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
    told = "error: The list a.txt is empty: give another."
    assert (tmp_path / "log.txt").read_text() == f"speechbrain_cadino.utils.errors - ERROR - {told}\n"
    assert capsys.readouterr().err == f"{told}\n"


def test_other_errors_and_the_end_of_the_program_pass(capsys):
    with pytest.raises(ZeroDivisionError), one_sentence_errors():
        1 / 0
    with pytest.raises(SystemExit) as stop, one_sentence_errors():
        raise SystemExit(3)
    assert stop.value.code == 3
    with one_sentence_errors():
        print("well")
    assert capsys.readouterr() == ("well\n", "")


@pytest.mark.parametrize(
    "error, told",
    [
        (MemoryError(), "error: The memory is full: lower batch_size or num_workers"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
            "memory is full",
        ),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has"),
            "The GPU's memory is full",
        ),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), "A worker process that reads audio"),
        (OSError(28, "No space left on device", "/tmp/table.csv"), "error: /tmp/table.csv cannot be written, the disk"),
    ],
)
def test_what_runs_out_is_one_line_too(error, told, capsys):
    with pytest.raises(SystemExit) as stop, one_sentence_errors():
        raise error
    lines = capsys.readouterr().err.splitlines()
    assert stop.value.code == 1 and len(lines) == 1 and told in lines[0] and len(lines[0]) < 400


def test_a_rank_whose_partner_is_gone_says_so(monkeypatch, capsys):
    error = RuntimeError("[../gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:9")
    with pytest.raises(RuntimeError), one_sentence_errors():
        raise error
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(SystemExit) as stop, one_sentence_errors():
        raise error
    assert stop.value.code == 1
    assert capsys.readouterr().err == "error: rank 1 ends because another one has: see what that one says.\n"


def test_a_reader_that_is_gone_is_no_error():
    script = "from speechbrain_cadino.utils import errors\nwith errors.one_sentence_errors():\n    print('x' * 10**6)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait(60) == 141
