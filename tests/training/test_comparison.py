"""Settings of a run and of its next start, where one of them is ``auto``."""

import pytest

from speechbrain_cadino.training.comparison import compare_settings
from speechbrain_cadino.training.settings_record import record_settings
from speechbrain_cadino.utils.errors import UserError

TEXT = "n_clusters: {n_clusters}\nn_fine: {n_fine}\nclustering:\n  n_fine: !ref <n_fine>\n  size_power: {size_power}\n"
BEGUN = dict(n_clusters="auto", n_fine=40, size_power="auto")


def record(**changes):
    settings = {**BEGUN, **changes}
    return record_settings(TEXT.format(**settings))


@pytest.mark.parametrize(
    "name, was, now",
    [
        ("n_clusters", "auto", 10),
        ("n_clusters", 10, "auto"),
        ("n_clusters", "auto", [20, 10]),
        ("size_power", "auto", 0.5),
        ("size_power", 1.0, "auto"),
        ("n_fine", 40, 20),
    ],
)
def test_what_each_clustering_finds_may_not_be_given_later(tmp_path, name, was, now):
    with pytest.raises(UserError, match=f"begun with .*{name} "):
        compare_settings(tmp_path, record(**{name: was}), record(**{name: now}))


@pytest.mark.parametrize("changes", [{}, dict(n_fine="auto")])
def test_what_follows_the_corpus_has_no_number_yet(tmp_path, changes):
    compare_settings(tmp_path, record(), record(**changes))
