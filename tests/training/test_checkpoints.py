"""Checkpoints: SpeechBrain's interface, damage, misfits, and kills at any line of saving."""

import logging
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from speechbrain.utils import checkpoints as speechbrain_checkpoints

from speechbrain_cadino.training import checkpoint_files, checkpoints
from speechbrain_cadino.training.averaging import average_last_checkpoints
from speechbrain_cadino.training.checkpoints import CHECKSUMS, SafeCheckpointer
from speechbrain_cadino.training.start import load_from_run
from speechbrain_cadino.utils import files
from speechbrain_cadino.utils.errors import UserError


def make_modules(value=0.0, size=3):
    modules = {"encoder": torch.nn.Linear(size, 2), "teacher": torch.nn.Linear(size, 2)}
    fill(modules, value)
    return modules


def fill(modules, value):
    with torch.no_grad():
        for module in modules.values():
            for parameter in module.parameters():
                parameter.fill_(value)


def recovered_value(folder):
    """The one value of all the parameters that the newest whole checkpoint holds, None without a checkpoint."""
    modules = make_modules(-1.0)
    if SafeCheckpointer(folder, modules).recover_if_possible() is None:
        return None
    values = {value for module in modules.values() for p in module.parameters() for value in p.flatten().tolist()}
    assert len(values) == 1
    return values.pop()


def save_values(folder, *values, **kwargs):
    modules = make_modules()
    checkpointer = SafeCheckpointer(folder, modules)
    saved = []
    for value in values:
        fill(modules, value)
        saved.append(checkpointer.save_checkpoint(meta={"value": value}, **kwargs))
    return saved


def test_saves_and_recovers_the_newest(tmp_path):
    saved = save_values(tmp_path, 1.0, 2.0, 3.0)
    assert recovered_value(tmp_path) == 3.0
    listed = SafeCheckpointer(tmp_path).find_checkpoints()
    assert [checkpoint.meta["value"] for checkpoint in listed] == [3.0, 2.0, 1.0]
    assert listed == saved[::-1]
    assert all(path.is_file() for checkpoint in saved for path in checkpoint.paramfiles.values())


def test_no_checkpoint(tmp_path):
    assert SafeCheckpointer(tmp_path / "new", make_modules()).recover_if_possible() is None


def test_the_checksums_are_those_of_sha256sum(tmp_path):
    (saved,) = save_values(tmp_path, 1.0)
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", CHECKSUMS], cwd=saved.path, check=True)
    listed = {line.split()[1] for line in (saved.path / CHECKSUMS).read_text().splitlines()}
    assert listed == {"CKPT.yaml", "encoder.ckpt", "teacher.ckpt"}


def test_plain_speechbrain_reads_them(tmp_path):
    save_values(tmp_path, 1.0, 2.0)
    modules = make_modules()
    speechbrain_checkpoints.Checkpointer(tmp_path, modules).recover_if_possible()
    assert modules["encoder"].bias[0] == 2.0


def test_keeps_the_recent_and_the_best(tmp_path):
    modules = make_modules()
    checkpointer = SafeCheckpointer(tmp_path, modules)
    for eer in (0.3, 0.1, 0.4, 0.2):
        checkpointer.save_and_keep_only(meta={"eer": eer}, min_keys=["eer"], num_to_keep=1)
    assert sorted(checkpoint.meta["eer"] for checkpoint in checkpointer.list_checkpoints()) == [0.1, 0.2]
    assert checkpointer.find_checkpoint(min_key="eer").meta["eer"] == 0.1
    checkpointer.save_and_keep_only(meta={"eer": 0.5}, min_keys=["eer"], keep_recent=False)
    assert [checkpoint.meta["eer"] for checkpoint in checkpointer.list_checkpoints()] == [0.1]


def test_what_is_saved_and_deleted_is_told_in_the_file_alone(tmp_path, caplog):
    checkpointer = SafeCheckpointer(tmp_path, make_modules())
    with caplog.at_level(logging.INFO):
        for value in (1.0, 2.0):
            checkpointer.save_and_keep_only(meta={"value": value}, num_to_keep=1)
    told = [record for record in caplog.records if "checkpoint" in record.getMessage()]
    assert [record.getMessage().split()[0] for record in told] == ["Saved", "Saved", "Deleted"]
    assert all(record.in_file_only for record in told)


def test_meta_of_numpy_and_torch_scalars_can_be_read_back(tmp_path):
    SafeCheckpointer(tmp_path).save_checkpoint(meta={"eer": np.float64(0.25), "loss": torch.tensor(2.0), "epoch": 3})
    meta = SafeCheckpointer(tmp_path).find_checkpoint().meta
    assert (meta["eer"], meta["loss"], meta["epoch"]) == (0.25, 2.0, 3)


def test_a_name_used_again_is_replaced(tmp_path):
    save_values(tmp_path, 1.0, 2.0, name="last")
    assert [path.name for path in tmp_path.iterdir()] == ["CKPT+last"]
    assert recovered_value(tmp_path) == 2.0


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["encoder.ckpt", "CKPT.yaml", CHECKSUMS])
@pytest.mark.parametrize("damage", [truncate, flip_a_byte, os.remove])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, caplog, damage, name):
    older, newer = save_values(tmp_path, 1.0, 2.0)
    damage(newer.path / name)
    with caplog.at_level(logging.WARNING):
        assert recovered_value(tmp_path) == 1.0
    listed = SafeCheckpointer(tmp_path).find_checkpoints()
    assert listed == [older]
    if (newer.path / "CKPT.yaml").exists():  # without it SpeechBrain takes the folder for no checkpoint at all
        assert str(newer.path) in caplog.text and "damaged" in caplog.text


def test_a_half_checkpoint_of_plain_speechbrain_is_passed_over(tmp_path, caplog):
    save_values(tmp_path, 1.0)
    half = tmp_path / "CKPT+half"
    half.mkdir()
    (half / "CKPT.yaml").write_text("end-of-epoch: true\nunixtime: 99999999999.0\n")
    with caplog.at_level(logging.WARNING):
        assert recovered_value(tmp_path) == 1.0
    assert f"{CHECKSUMS} is missing" in caplog.text


def test_files_are_read_once_a_process(tmp_path, monkeypatch):
    save_values(tmp_path, 1.0, 2.0)
    read = []
    plain = checkpoint_files.file_checksum
    monkeypatch.setattr(checkpoint_files, "file_checksum", lambda path: read.append(path.name) or plain(path))
    checkpointer = SafeCheckpointer(tmp_path, make_modules())
    for _ in range(3):
        checkpointer.find_checkpoints()
    assert len(read) == 6
    checkpointer.save_and_keep_only(num_to_keep=3)
    assert len(read) == 9  # the three of the new one, when it was written


def test_another_architecture(tmp_path):
    (saved,) = save_values(tmp_path, 1.0)
    with pytest.raises(UserError) as error:
        SafeCheckpointer(tmp_path, make_modules(size=4)).recover_if_possible()
    message = str(error.value)
    assert str(saved.path) in message and "size mismatch for weight" in message and "output_folder" in message
    assert "\n" not in message


def test_many_missing_parameters_are_told_in_short(tmp_path):
    SafeCheckpointer(tmp_path, {"encoder": torch.nn.Linear(2, 2)}).save_checkpoint()
    deep = torch.nn.Sequential(*[torch.nn.Linear(2, 2) for _ in range(100)])
    with pytest.raises(UserError, match="Missing key") as error:
        SafeCheckpointer(tmp_path, {"encoder": deep}).recover_if_possible()
    assert len(str(error.value)) < 400 + len(str(tmp_path))


@pytest.mark.parametrize("add", [True, False])
def test_an_object_that_the_checkpoint_does_not_have(tmp_path, add):
    save_values(tmp_path, 1.0)
    checkpointer = SafeCheckpointer(tmp_path, {} if add else {"gate": torch.nn.Linear(2, 2)})
    if add:
        checkpointer.add_recoverable("gate", torch.nn.Linear(2, 2))
    with pytest.raises(UserError, match="gate"):
        checkpointer.recover_if_possible()


def test_another_optimizer(tmp_path):
    parameters = list(torch.nn.Linear(2, 2).parameters())
    SafeCheckpointer(tmp_path, {"optimizer": torch.optim.SGD(parameters, lr=1.0)}).save_checkpoint()
    other = torch.optim.SGD([{"params": parameters[:1]}, {"params": parameters[1:]}], lr=1.0)
    with pytest.raises(UserError, match="parameter groups"):
        SafeCheckpointer(tmp_path, {"optimizer": other}).recover_if_possible()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file/save"):
        SafeCheckpointer(tmp_path / "file" / "save")


def test_a_folder_that_cannot_be_written(tmp_path):
    checkpointer = SafeCheckpointer(tmp_path / "save", make_modules())
    (tmp_path / "save").rmdir()
    (tmp_path / "save").write_text("")
    with pytest.raises(UserError, match="save.*output_folder"):
        checkpointer.save_checkpoint()


def test_what_a_killed_run_left_is_tidied_up_at_the_next_save(tmp_path):
    (saved,) = save_values(tmp_path, 1.0)
    (tmp_path / ".saving.CKPT+dead").mkdir()
    (tmp_path / ".saving.CKPT+dead" / "encoder.ckpt").write_text("half")
    (tmp_path / "CKPT+half-deleted").mkdir()
    (tmp_path / "CKPT+half-deleted" / CHECKSUMS).write_text("")
    (tmp_path / "CKPT+notes").mkdir()  # not ours
    (saved,) = save_values(tmp_path, 2.0, name="last")
    assert {path.name for path in tmp_path.iterdir()} - {"CKPT+notes", "CKPT+last"} == {
        checkpoint.path.name for checkpoint in SafeCheckpointer(tmp_path).find_checkpoints() if checkpoint != saved
    }


class KillAtLine:
    """Trace function: SIGKILL to this process at the n-th line of saving or deleting, in Python."""

    FILES = {module.__file__ for module in (checkpoints, checkpoint_files, files, speechbrain_checkpoints, shutil)}

    def __init__(self, line):
        self.left = line

    def __call__(self, frame, event, argument):
        if frame.f_code.co_filename not in self.FILES:
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


def save_in_a_child(checkpointer, line, **kwargs):
    """Save in a forked process that is killed at a line; True if it was."""
    child = os.fork()
    if child == 0:
        sys.settrace(KillAtLine(line))
        checkpointer.save_and_keep_only(**kwargs)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("name", [None, "last"])
def test_a_kill_at_any_line_of_saving_leaves_a_whole_checkpoint(tmp_path, monkeypatch, name):
    save_values(tmp_path / "0", 1.0, name=name)
    outcomes = []
    line, killed = 1, True
    while killed:
        folder = shutil.copytree(tmp_path / "0", tmp_path / str(line))
        modules = make_modules(2.0)
        killed = save_in_a_child(SafeCheckpointer(folder, modules), line, name=name)
        outcomes.append(recovered_value(folder))

        fill(modules, 3.0)
        SafeCheckpointer(folder, modules).save_and_keep_only(name=name)
        assert recovered_value(folder) == 3.0
        assert not list(folder.glob(".*"))
        line += 17
    assert outcomes == sorted(outcomes) and set(outcomes) == {1.0, 2.0}
    assert len(outcomes) > 15


def test_the_clock_set_back_changes_no_order(tmp_path, monkeypatch):
    """Two hours back in the middle of a run: what was saved last is the newest, for all who ask."""
    clock = iter([5000.0, 6000.0, *[10.0 + i for i in range(1000)]])
    monkeypatch.setattr(speechbrain_checkpoints.time, "time", lambda: next(clock))
    modules = make_modules()
    checkpointer = SafeCheckpointer(tmp_path, modules)
    for value in (1.0, 2.0, 3.0, 4.0):
        fill(modules, value)
        checkpointer.save_and_keep_only(meta={"value": value, "level": 1}, num_to_keep=3)
    monkeypatch.undo()
    for path in tmp_path.glob("CKPT*"):
        os.utime(path, (0, 0))
    other = SafeCheckpointer(tmp_path, make_modules())
    assert [one.meta["value"] for one in other.find_checkpoints()] == [4.0, 3.0, 2.0]
    assert [one.meta["value"] for one in other.find_checkpoints(max_key="level")] == [4.0, 3.0, 2.0]
    assert [one.meta["value"] for one in other.find_checkpoints(min_key="level")] == [4.0, 3.0, 2.0]
    assert other.find_checkpoint(importance_key=speechbrain_checkpoints.ckpt_recency).meta["value"] == 4.0
    assert recovered_value(tmp_path) == 4.0
    averaged = average_last_checkpoints(other, "encoder", 2)
    assert averaged["bias"].tolist() == [3.5, 3.5]
    other.delete_checkpoints(num_to_keep=1)
    assert [one.meta["value"] for one in other.find_checkpoints()] == [4.0]


def test_the_later_step_is_the_newer_checkpoint(tmp_path):
    """Whatever the order of saving: a copy of a later checkpoint may come back."""
    modules = make_modules()
    checkpointer = SafeCheckpointer(tmp_path, modules)
    for step in (30, 20):
        fill(modules, float(step))
        checkpointer.save_checkpoint(meta={"step": step, "epoch": 1})
    assert recovered_value(tmp_path) == 30.0
    load_folder = tmp_path / "other"
    (load_folder).mkdir()
    shutil.copytree(tmp_path, load_folder / "save", ignore=lambda *_: ["other"])
    taken = make_modules()
    load_from_run(SafeCheckpointer(tmp_path / "new", taken), load_folder)
    assert taken["encoder"].bias[0] == 30.0


def test_what_is_not_a_checkpoint_s_own_is_never_removed(tmp_path):
    first, _ = save_values(tmp_path, 1.0, 2.0)
    (first.path / "notes.txt").write_text("of the user")
    for name in ("backup", "notes~", "notes", ".saving.thesis"):
        (tmp_path / name).mkdir()
        (tmp_path / name / CHECKSUMS).write_text("the user's own list of checksums")
        (tmp_path / name / "a.tar").write_text("years of work")
    (tmp_path / ".saving.txt").write_text("a file")
    SafeCheckpointer(tmp_path, make_modules()).save_and_keep_only(num_to_keep=1)
    SafeCheckpointer(tmp_path, make_modules()).save_and_keep_only(num_to_keep=1)
    assert os.listdir(first.path) == ["notes.txt"]
    assert (tmp_path / ".saving.txt").is_file()
    assert all(len(os.listdir(tmp_path / name)) == 2 for name in ("backup", "notes~", "notes", ".saving.thesis"))
    assert len(SafeCheckpointer(tmp_path).find_checkpoints()) == 1


def test_a_named_checkpoint_is_replaced_but_for_the_user_s_files(tmp_path):
    (saved,) = save_values(tmp_path, 1.0, name="last")
    (saved.path / "notes.txt").write_text("of the user")
    save_values(tmp_path, 2.0, name="last")
    save_values(tmp_path, 3.0, name="last")
    assert recovered_value(tmp_path) == 3.0
    assert [path.read_text() for path in tmp_path.rglob("notes.txt")] == ["of the user"]
