"""Utterances of the trial lists."""

import pytest

from speechbrain_cadino.corpus.held_out import leave_out
from speechbrain_cadino.utils.errors import UserError


def write(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_paths_are_matched_by_whole_folders_at_the_end(tmp_path):
    trials = write(tmp_path / "t.txt", "1 id1/v/1.wav id2/v/1.wav", "0 id1/v/1.wav flat.wav")
    paths = ["dev/id1/v/1.wav", "id1/v/1.wav", "xid1/v/1.wav", "id1/v/2.wav", "v/1.wav", "a/flat.wav", "b/inflat.wav"]
    assert leave_out(paths, [trials]) == ["xid1/v/1.wav", "id1/v/2.wav", "v/1.wav", "b/inflat.wav"]


def test_another_file_type_is_the_same_utterance(tmp_path):
    trials = write(tmp_path / "t.txt", "1 ./id1/v/1.wav /id2/v/1.m4a")
    assert leave_out(["id1/v/1.flac", "id2/v/1.wav", "id2/v/10.wav"], [trials]) == ["id2/v/10.wav"]


def test_several_lists_and_none(tmp_path):
    lists = [write(tmp_path / f"{name}.txt", f"1 {name}.wav {name}2.wav") for name in "ab"]
    paths = ["a.wav", "b.wav", "c.wav", "b2.wav"]
    assert leave_out(paths, lists) == ["c.wav"]
    assert leave_out(paths, []) == paths
    with pytest.raises(UserError, match="none.txt"):
        leave_out(paths, [tmp_path / "none.txt"])
