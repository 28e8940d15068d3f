"""Keys of utterances."""

import numpy as np

from speechbrain_cadino.corpus.keys import id_keys, places_of


def test_keys_find_their_places():
    ids = [f"id{i}/é{i % 7}.wav" for i in range(1000)]
    keys = id_keys(ids)
    assert len(set(keys.tolist())) == 1000
    shuffled = np.random.default_rng(0).permutation(1000)[:900]
    found = places_of(keys, keys[shuffled])
    wanted = [shuffled.tolist().index(row) if row in shuffled else -1 for row in range(1000)]
    assert found.tolist() == wanted
    assert places_of(keys[:2], keys[:0]).tolist() == [-1, -1]
