"""Sessions and speakers from paths."""

import pytest

from speechbrain_cadino.corpus.layout import SESSION_PATTERN, groups_from_paths
from speechbrain_cadino.utils.errors import UserError


def sessions(paths, root=None):
    found = groups_from_paths(paths, SESSION_PATTERN, root)
    return None if found is None else found.tolist()


def test_sessions_of_voxcelebs_layout():
    paths = ["/d/1/wav/id1/v1/1.wav", "/d/2/wav/id2/v1/2.wav"]
    assert sessions(paths) == ["id1/v1", "id2/v1"]
    assert sessions(paths[:1], "/d/1/wav/") == ["id1/v1"]
    assert sessions(["id1/v1/1.wav", "id2/v1/2.wav"]) == ["id1/v1", "id2/v1"]


def test_other_layouts_have_none():
    assert sessions(["/d/id1/1.wav", "/d/id2/1.wav"]) is None
    assert sessions(["/d/x/id1/v1/1.wav", "/d/flat.wav"]) is None
    assert sessions(["/d/wav/1.wav"], "/d/wav") is None


def test_a_pattern_of_ones_own():
    calls = ["/d/call_7-a.wav", "/d/call_8-b.wav"]
    assert groups_from_paths(calls, r"(call_\d+)-").tolist() == ["call_7", "call_8"]
    assert groups_from_paths(["/d/s1/v/1.wav", "/d/s2/1.wav"], "^([^/]+)/", "/d").tolist() == ["s1", "s2"]
    for pattern, words in (("call", "no group"), ("(call", "not a regular expression")):
        with pytest.raises(UserError, match=f"speaker_pattern .* {words}"):
            groups_from_paths(calls, pattern, setting="speaker_pattern")
