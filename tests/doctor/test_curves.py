"""The curves that are shipped, and where a run stands beside them."""

import pytest

from speechbrain_cadino.doctor.curves import (
    METRICS,
    ReferenceCurve,
    behind,
    beside,
    read_references,
    reference_of,
    standing,
)
from speechbrain_cadino.doctor.finding import DOUBTFUL
from tests.doctor.conftest import SETTINGS

POINTS = [
    ReferenceCurve("r", "EER %", at, by, low, (low + high) / 2, high, 3, "somewhere")
    for at, by, low, high in ((0.5, "fraction", 9.0, 14.0), (1.0, "fraction", 7.5, 15.0), (25, "epoch", 5.0, 5.0))
]


def test_the_file_is_whole():
    points = read_references()
    assert {point.reference for point in points} == {
        "demo_dino", "demo_ca_dino", "demo_dlg_lc", "small", "small_telephone", "published"
    }  # fmt: skip
    assert len({(point.reference, point.metric, point.at) for point in points}) == len(points)
    for point in points:
        assert point.metric in METRICS and point.low <= point.middle <= point.high and point.runs > 0 and point.source
        assert point.by == "epoch" and point.at >= 1 or point.by == "fraction" and 0 < point.at <= 1


def test_the_published_curve():
    published = {point.at: point.high for point in read_references() if point.reference == "published"}
    assert published[1] == 19 and published[9] == 14 and published[25] == 5 and published[150] < 3.2


def test_a_run_is_compared_where_the_curve_has_a_point():
    found = beside(POINTS, "r", {"EER %": {4: 30.0, 10: 12.0, 12: 11.0}, "half_rank_gain": {20: 0.5}}, limit=20)
    assert found == [(POINTS[0], 12.0)]  # epoch 12 of 20 is near to none
    assert beside(POINTS, "r", {"EER %": {20: 8.0, 10: 12.0}}, limit=20) == [(POINTS[1], 8.0)]
    assert beside(POINTS, "r", {"EER %": {25: 6.0}}, limit=150) == [(POINTS[2], 6.0)]
    assert beside(POINTS, "other", {"EER %": {20: 8.0}}, limit=20) == [] == beside(POINTS, "r", {}, limit=20)


@pytest.mark.parametrize("value, found", [(8.0, None), (5.0, None), (15.0, None), (18.7, None), (18.8, DOUBTFUL)])
def test_behind_is_beyond_the_worst_by_a_margin(value, found):
    finding = behind(POINTS[1], value)
    assert (finding and finding.level) == found


def test_of_some_metrics_more_is_better():
    point = ReferenceCurve("r", "half_rank_gain", 1.0, "fraction", 0.64, 0.75, 0.85, 27, "x")
    assert behind(point, 0.55) is None and behind(point, 0.99) is None and behind(point, 0.54).level == DOUBTFUL


def test_a_sentence():
    assert (
        standing(POINTS[0], 12)
        == "At 50% of the run the development list's EER in % is 12; 3 healthy runs had 9 to 14."
    )
    one = POINTS[2]._replace(runs=1)
    assert standing(one, 6.0) == "At epoch 25 the development list's EER in % is 6; a healthy run had 5."


@pytest.mark.parametrize(
    "changes, stage, utterances, reference",
    [
        ({}, "I", 900, "demo_dino"),
        ({"cluster_start_epoch": 5}, "I", 900, "demo_ca_dino"),
        ({"lr": 0.002}, "II", 900, "demo_dlg_lc"),
        ({"lr": 0.1}, "I", 900, None),
        ({"label_fraction": 1.0}, "II", 900, None),
        ({"demo_folder": None, "embedding_model.channels": [128], "budget": "x"}, "I", 900, "small"),
        (
            {"demo_folder": None, "embedding_model.channels": [128], "budget": "x", "f_max": 3800},
            "I",
            9,
            "small_telephone",
        ),
        ({"embedding_model.channels": [512], "n_prototypes": 65536, "lr": 0.2}, "I", 1_092_009, "published"),
        ({"embedding_model.channels": [512], "n_prototypes": 65536, "lr": 0.2}, "I", 900, None),
        ({"embedding_model.channels": None}, "I", 900, None),
    ],
)
def test_which_curves(changes, stage, utterances, reference):
    assert reference_of({**SETTINGS, **changes}, stage, utterances) == reference


def test_nothing_known_is_like_nothing():
    assert reference_of({}, "I", 0) is None
