"""What a run's utterances were, and how others differ."""

import numpy as np
import pytest

from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.training.utterances import Utterances
from speechbrain_cadino.utils.errors import UserError


@pytest.fixture
def manifest(tmp_path):
    for name in "abcd":
        (tmp_path / name).write_text(name * 10)
    return Manifest(list("abcd"), [str(tmp_path / name) for name in "abcd"], [0] * 4, [9, 9, 9, 10], None, list("ssst"))


def columns(manifest, **changes):
    return Manifest(**{**vars(manifest), **changes})


def test_a_million_are_kept_and_compared_in_seconds_each(tmp_path):
    """A tenth of it here."""
    ids = [f"id{i % 600:05d}/v{i // 100:06d}/{i % 100:05d}.wav" for i in range(109_000)]
    manifest = Manifest(ids, ids, [0] * len(ids), [16000] * len(ids))
    one = Utterances.of(manifest, whole=True)
    one.save(tmp_path / "u.npz")
    two = Utterances.load(tmp_path / "u.npz")
    assert one.change_to(two) is None and two.ids.tolist() == ids and one.digest == two.digest
    assert (tmp_path / "u.npz").stat().st_size < 20 * len(ids)


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda m: m, None),
        (lambda m: m.subset([0, 1, 2]), "were 4 and are now 3: 1 removed (d)"),
        (lambda m: m.subset([0]), "were 4 and are now 1: 3 removed (b, ...)"),
        (lambda m: m.subset([1, 0, 2, 3]), "come in another order (b for one)"),
        (lambda m: columns(m, ids=list("abcx")), "1 added (x), 1 removed (d)"),
        (lambda m: columns(m, stops=[9, 9, 9, 9]), "1 changed (d)"),
        (lambda m: columns(m, starts=[1, 0, 0, 0]), "1 changed (a)"),
        (lambda m: columns(m, sessions=list("sstt")), "1 changed (c)"),
        (lambda m: columns(m, sessions=None), "4 changed (a, ...)"),
        (lambda m: columns(m, spk_ids=list("wxyz")), "4 changed (a, ...)"),
        (lambda m: columns(m, wavs=[m.wavs[1], *m.wavs[1:]]), "1 changed (a)"),
        (lambda m: columns(m, wavs=["nowhere", *m.wavs[1:]]), "1 changed (a)"),
    ],
)
def test_how_others_differ(manifest, change, said):
    one = Utterances.of(manifest)
    found = one.change_to(Utterances.of(change(manifest), one.whole))
    assert found == said if said is None else said in found


def test_contents_that_are_known_are_not_looked_up():
    manifest = Manifest(["a", "b"], ["gone", "gone too"], [0, 0], [9, 9])
    manifest.contents = np.array(["0123", "4567"], dtype=manifest.ids.dtype)
    one = Utterances.of(manifest)
    manifest.contents = np.array(["0123", "4568"], dtype=manifest.ids.dtype)
    assert one.change_to(Utterances.of(manifest)) == "were 2 and are now 2: 1 changed (b)"


def test_a_damaged_file(tmp_path):
    for text in ("", "no zip"):
        (tmp_path / "u.npz").write_text(text)
        with pytest.raises(UserError, match="u.npz, the utterances that the run was begun with, cannot be read"):
            Utterances.load(tmp_path / "u.npz")
