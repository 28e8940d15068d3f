"""Items of one unit as one row, against a loop."""

import numpy as np
import pytest

from speechbrain_cadino.clusters.joint_rows import join_embeddings
from speechbrain_cadino.clusters.units import collapsed

from .test_joint_rows import case


@pytest.mark.parametrize("missing", [0, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_a_unit_is_the_mean_of_those_of_its_items_that_have_a_part(seed, missing):
    parts, n = case(seed, missing=missing)
    joined = join_embeddings(parts)
    units = np.random.default_rng(seed).integers(0, 9, n)[joined.items]
    found, place = collapsed(joined, units)
    assert sorted(set(units)) == [units[place == row][0] for row in range(len(found.rows))]
    for row in range(len(found.rows)):
        mine = np.flatnonzero(place == row)
        assert found.items[row] == joined.items[mine[0]]
        for name, columns in joined.columns.items():
            having = [item for item in mine if joined.has[name][item]] or list(mine)
            mean = sum(joined.rows[item, columns] for item in having)
            mean *= np.sqrt(0.5) / np.linalg.norm(mean) if found.has[name][row] else 1 / len(having)
            np.testing.assert_allclose(found.rows[row, columns], mean, rtol=1e-4, atol=1e-6)
            assert found.has[name][row] == any(joined.has[name][item] for item in mine)


def test_units_of_one_item_change_nothing():
    parts, _ = case(0)
    joined = join_embeddings(parts)
    found, place = collapsed(joined, np.arange(len(joined.items)))
    assert place.tolist() == list(range(len(joined.items)))
    np.testing.assert_allclose(found.rows, joined.rows, rtol=1e-5, atol=1e-7)
