"""How many views, and how long."""

import pytest

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.crops import CropSpec


def test_spec_gives_global_views_first():
    spec = CropSpec(n_global=1, global_seconds=0.5, n_local=2, local_seconds=0.25)
    assert spec.lengths.tolist() == [8000, 4000, 4000] and spec.n_views == 3


@pytest.mark.parametrize("bad", [{"n_global": 0}, {"n_local": -1}, {"global_seconds": 0}, {"local_seconds": -1.0}])
def test_spec_refuses_nonsense(bad):
    with pytest.raises(UserError, match=next(iter(bad))):
        CropSpec(**bad)
