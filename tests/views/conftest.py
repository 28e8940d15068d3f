"""A small corpus of 16-bit files of many lengths, and cheap stand-ins for noise and rooms."""

import numpy as np
import pytest
import soundfile

from speechbrain_cadino.corpus.manifest import Manifest

SAMPLES = [1, 700, 3000, 4000, 5000, 8000, 20000, 40000, 64000, 16000, 17000]


def write_corpus(folder, lengths, first=0, rate=16000):
    """One 16-bit wav a length; rows that leave out ``first`` samples at the start."""
    rng = np.random.default_rng(0)
    paths = [str(folder / f"{i}.wav") for i in range(len(lengths))]
    for path, length in zip(paths, lengths):
        soundfile.write(path, rng.uniform(-0.5, 0.5, length + first), rate, subtype="PCM_16")
    stops = [length + first for length in lengths]
    return Manifest([str(i) for i in range(len(lengths))], paths, [first] * len(lengths), stops)


@pytest.fixture(scope="session")
def manifest(tmp_path_factory):
    """Utterances of 1 to 64000 samples, each beginning 10 samples into its file."""
    return write_corpus(tmp_path_factory.mktemp("corpus"), SAMPLES, first=10)


@pytest.fixture()
def damaged(tmp_path):
    """Twelve utterances, of which 3 is absent and 7 is no audio."""
    manifest = write_corpus(tmp_path, [6000] * 12)
    (tmp_path / "3.wav").unlink()
    (tmp_path / "7.wav").write_bytes(b"not audio")
    return manifest


def equal_batches(first, second):
    """Whether two lists of `ViewBatch` hold the same bits."""

    def flat(batch):
        yield batch.items
        for group in batch.groups:
            yield group.waves
            for name in sorted(group.draws):
                yield from group.draws[name]

    names = [[[sorted(group.draws) for group in batch.groups] for batch in batches] for batches in (first, second)]
    return names[0] == names[1] and all(
        a.shape == b.shape and (a == b).all() for one, two in zip(first, second) for a, b in zip(flat(one), flat(two))
    )
