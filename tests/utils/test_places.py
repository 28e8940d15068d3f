"""Where output may go."""

import os

import pytest

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.places import CHECKPOINT, CORPUS, ENCODER, OWNERS, RECORD, check_output


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A run with all its parts, data and noise beside it, and links to them."""
    files = [f"run/{RECORD}", f"run/save/CKPT+1/{CHECKPOINT}", f"run/encoder/{ENCODER}", f"run/corpus/{CORPUS}"]
    files += [f"run/iteration_1/{RECORD}", f"old/save/CKPT+1/{CHECKPOINT}", "data/wav/a/1.wav", "noise/1.wav"]
    for name in [*files, f"encoder/{ENCODER}", f"corpus/{CORPUS}"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "run/save")
    (tmp_path / "data_link").symlink_to(tmp_path / "data/wav")
    (tmp_path / "data/elsewhere").symlink_to(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(folder, **arguments):
    before = sorted(os.walk("."))
    try:
        check_output(folder, **arguments)
    except UserError as error:
        assert str(folder) in str(error) and ": give " in str(error)
        return str(error)
    finally:
        assert sorted(os.walk(".")) == before, "nothing is written"
    return None


INSIDE = [
    "run/save", "run/save/deep/er", "run/save/CKPT+1", "run/encoder", "run/encoder/x", "run/corpus", "run/corpus/x",
    "run/iteration_1", "run/iteration_1/x", "run/iteration_2", "run/large_margin", "run/new", "link", "link/x",
    "run/new/../encoder/x", "data/elsewhere/x", "old/new", "old/save", "encoder/x", "corpus/x",
]  # fmt: skip


@pytest.mark.parametrize("folder", INSIDE)
def test_not_in_another_run_or_what_it_made(disk, folder):
    assert "lies in the" in refused(folder) and "lies in the" in refused(disk / folder)


@pytest.mark.parametrize("folder, owner", [("run", RECORD), ("encoder", ENCODER), ("corpus", CORPUS), ("old", RECORD)])
def test_not_one_of_them(disk, folder, owner):
    assert "which is the" in refused(folder)
    others = [other for other in OWNERS if other != owner]
    assert refused(folder, itself=others) is None and refused(f"{folder}/x", itself=others) is not None


def test_scores_may_lie_in_a_run_beside_what_is_its_own(disk):
    parts = ("save", "encoder", "iteration_*")
    assert refused("run/scores", parts=parts, itself=()) is None and refused("run/scores/a", parts=parts) is None
    for folder in ("run/save/a", "run/encoder", "run/iteration_1", "run/iteration_7/a", "run"):
        assert refused(folder, parts=parts) is not None


@pytest.mark.parametrize("data", ["data/wav", "data_link", "data/wav/../wav/"])
def test_not_into_the_data(disk, data):
    for folder in ("data/wav/a", "data/wav/results/1", "data_link/new"):
        assert "lies in data_folder" in refused(folder, read={"data_folder": data})
        assert refused(folder, named={"data_folder": data}) is None, "files are named one by one"
    for given in ({"read": {"noise_folder": data}}, {"named": {"noise_folder": data}}):
        assert "is noise_folder as well" in refused("data/wav", **given)
        assert "in which noise_folder lies" in refused("data", **given)
        assert "in which noise_folder lies" in refused(".", **given)


def test_beside_data_and_runs(disk):
    read = {"data_folder": "data/wav", "noise_folder": "noise", "rir_folder": None, "x": "noise/1.wav", "y": "absent"}
    for folder in ("results", "data/results", "run2", "runs/1/2", "noise2", "data/wav2"):
        assert refused(folder, read=read) is None
