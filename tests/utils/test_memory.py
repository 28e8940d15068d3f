"""Memory that is there: what psutil says, and the limits of control groups in both versions."""

import logging

import psutil
import pytest

from speechbrain_cadino.utils import memory
from speechbrain_cadino.utils.errors import UserError

NO_LIMIT = float("inf")


def make_group(folder, version, limit, used, cache):
    """A control group as Linux shows it; its files read as ``cache`` bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {1: ("memory.limit_in_bytes", "memory.usage_in_bytes"), 2: ("memory.max", "memory.current")}[version]
    for name, value in zip(names, (limit, used)):
        (folder / name).write_text(f"{value}\n")
    name = {1: "total_inactive_file", 2: "inactive_file"}[version]
    (folder / "memory.stat").write_text(f"anon 5\n{name} {cache}\n")


@pytest.fixture
def left(tmp_path):
    """Give a function from the text of /proc/self/cgroup to what is left."""

    def find(text):
        (tmp_path / "groups").write_text(text)
        return memory.cgroup_memory(tmp_path, tmp_path / "groups")

    return find


def test_version_2(tmp_path, left):
    make_group(tmp_path / "a/b", 2, 1000, 600, 50)
    assert left("0::/a/b\n") == 450


def test_version_1_among_other_controllers(tmp_path, left):
    make_group(tmp_path / "memory/a", 1, 1000, 600, 0)
    make_group(tmp_path / "a", 2, 10, 5, 0)  # cpu's folder, not memory's
    assert left("4:cpu,cpuacct:/a\n3:memory:/a\n0::/\n") == 400


def test_the_tightest_limit_above_counts(tmp_path, left):
    make_group(tmp_path / "a/b", 2, "max", 600, 0)
    make_group(tmp_path / "a", 2, 900, 700, 0)
    make_group(tmp_path, 2, 5000, 800, 0)
    assert left("0::/a/b\n") == 200


def test_a_container_sees_its_own_group_as_the_root(tmp_path, left):
    make_group(tmp_path, 2, 1000, 100, 0)
    assert left("0::/docker/1234\n") == 900


def test_used_up(tmp_path, left):
    make_group(tmp_path, 2, 1000, 1100, 0)
    assert left("0::/\n") == 0


@pytest.mark.parametrize("text", ["0::/\n", "0::/gone\n", "5:cpu:/\n", ""])
def test_no_limit(left, text):
    assert left(text) == NO_LIMIT


def test_not_linux(tmp_path):
    assert memory.cgroup_memory(tmp_path, tmp_path / "absent") == NO_LIMIT


def test_available_is_the_smaller_one(monkeypatch):
    assert 2**20 < memory.available_memory() < psutil.virtual_memory().total
    monkeypatch.setattr(memory, "cgroup_memory", lambda: 77)
    assert memory.available_memory() == 77


def test_what_fits_is_told(caplog, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 20_000_000_000)
    with caplog.at_level(logging.INFO):
        memory.check_memory(20_000_000_000, "merge 50 centroids", "lower n_fine")
    assert caplog.messages == ["To merge 50 centroids takes 20.00 GB of memory."]


@pytest.mark.parametrize("fraction, words", [(1.0, "than the 2.0 GB"), (0.7, "than 70% of the 2.0 GB")])
def test_what_does_not_fit_is_refused(monkeypatch, fraction, words):
    monkeypatch.setattr(memory, "available_memory", lambda: 2_000_000_000)
    memory.check_memory(int(fraction * 2e9), "keep it", "set preload to False", fraction)
    with pytest.raises(UserError, match=f"^To keep it takes .* GB of memory, more {words} .*: set preload to False.$"):
        memory.check_memory(int(fraction * 2e9) + 2, "keep it", "set preload to False", fraction)
