"""What a disk that takes no more makes of a program."""

import errno
import os
import subprocess
import sys

import pytest

from speechbrain_cadino.utils.disk import disk_errors, disk_sentence
from speechbrain_cadino.utils.errors import UserError


@pytest.mark.parametrize(
    "number, told",
    [
        (errno.ENOSPC, r"the disk is full \([0-9.]+ .B are free, about 2.0 GB are needed\): free some space"),
        (errno.EDQUOT, "your quota of the disk is used up .*: free some space"),
        (errno.EIO, "the disk has failed: check the disk"),
        (errno.EROFS, "the disk is read-only: choose a folder elsewhere"),
        (errno.EACCES, "you may not write there: choose a folder elsewhere"),
    ],
)
def test_each_reason_has_its_remedy(tmp_path, number, told):
    with pytest.raises(UserError, match=f"{tmp_path}/run cannot be written, {told}"):
        with disk_errors(tmp_path / "run", needed=2_000_000_000):
            raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("error", [FileNotFoundError(2, "No such file"), RuntimeError("shapes"), ValueError("x")])
def test_other_errors_pass(tmp_path, error):
    assert disk_sentence(error, tmp_path) is None
    with pytest.raises(type(error)), disk_errors(tmp_path):
        raise error


def test_a_file_that_may_not_be_read_is_not_one_that_cannot_be_written():
    assert disk_sentence(PermissionError(errno.EACCES, "Permission denied", "list.txt")) is None


@pytest.mark.parametrize("write", ["np.save(path, np.zeros(1 << 20))", "torch.save(torch.zeros(1 << 20), path)"])
def test_what_numpy_and_pytorch_do_not_say(tmp_path, write):
    """A limit of the process stands for a disk that takes no more: the file breaks off."""
    script = f"""
import numpy as np, torch, resource
from speechbrain_cadino.utils import errors, files
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
with errors.one_sentence_errors(), files.atomic_path({str(tmp_path / "file.npy")!r}) as path:
    {write}
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=100)
    assert found.returncode == 1 and "Traceback" not in found.stderr
    assert found.stderr.startswith(f"error: {tmp_path}/file.npy cannot be written, a file may not become so large here")
    assert os.listdir(tmp_path) == []
