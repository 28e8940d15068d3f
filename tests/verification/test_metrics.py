"""Error rates against counting by hand, with ties, and their limits."""

import time
import tracemalloc

import numpy as np
import pytest
import torch
from sklearn.metrics import det_curve as sklearn_det_curve

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification import actual_dcf, cllr, det_curve, eer, min_cllr, min_dcf


def rates_by_hand(positives, negatives):
    """(threshold, FAR, FRR) at every score and above all, by definition."""
    thresholds = [*sorted({*positives, *negatives}), np.inf]
    return [(t, np.mean([n >= t for n in negatives]), np.mean([p < t for p in positives])) for t in thresholds]


def eer_by_hand(positives, negatives):
    gap = min(abs(far - frr) for _, far, frr in rates_by_hand(positives, negatives))
    # Rounding may part two equal gaps; the lowest threshold of those counts.
    rows = [row for row in rates_by_hand(positives, negatives) if abs(row[1] - row[2]) < gap + 1e-12]
    return (rows[0][1] + rows[0][2]) / 2, rows[0][0]


def min_dcf_by_hand(positives, negatives, p, c_miss, c_fa):
    costs = [c_miss * p * frr + c_fa * (1 - p) * far for _, far, frr in rates_by_hand(positives, negatives)]
    return min(costs) / min(c_miss * p, c_fa * (1 - p))


def random_sides(seed):
    """Sizes 1 to 40; many ties in some draws, none in others; good, useless and reversed systems."""
    rng = np.random.default_rng(seed)
    shift, digits = rng.choice([-1, 0, 1, 3]), rng.choice([0, 1, 6])
    return [
        np.round(rng.normal(mean, 1, rng.integers(1, 41)), digits).astype(np.float32).astype(float)
        for mean in (shift, 0)
    ]


def pooled_by_hand(positives, negatives):
    """Probabilities of one speaker at each score, never falling: blocks that fall are pooled until none does."""
    blocks = []  # scores, weight of one speaker, weight of both
    for score in sorted({*positives, *negatives}):
        own = np.sum(positives == score) / len(positives)
        blocks.append([[score], own, own + np.sum(negatives == score) / len(negatives)])
        while len(blocks) > 1 and blocks[-2][1] / blocks[-2][2] >= blocks[-1][1] / blocks[-1][2]:
            last = blocks.pop()
            blocks[-1] = [one + other for one, other in zip(blocks[-1], last)]
    return {score: own / both for block, own, both in blocks for score in block}


@pytest.mark.parametrize("seed", range(60))
def test_the_least_cllr_and_the_cost_of_a_threshold_by_hand(seed):
    positives, negatives = random_sides(seed)
    at = pooled_by_hand(positives, negatives)
    wanted = np.mean([-np.log2(at[score]) for score in positives]) / 2
    wanted += np.mean([-np.log2(1 - at[score]) for score in negatives]) / 2
    assert min_cllr(positives, negatives) == pytest.approx(wanted, abs=1e-9)
    assert min_cllr(positives, negatives) <= cllr(positives, negatives) + 1e-12
    assert min_cllr(3 * positives - 1, 3 * negatives - 1) == pytest.approx(wanted, abs=1e-9)
    for threshold in (*positives[:3], *negatives[:3], -100.0, 100.0, 0.123, -np.inf, np.inf):
        for p, c_miss, c_fa in [(0.01, 1, 1), (0.5, 1, 1), (0.9, 1, 2.5)]:
            cost = c_miss * p * np.mean(positives < threshold) + c_fa * (1 - p) * np.mean(negatives >= threshold)
            found = actual_dcf(positives, negatives, threshold, p, c_miss, c_fa)
            assert found == pytest.approx(cost / min(c_miss * p, c_fa * (1 - p)), abs=1e-12)
            assert found >= min_dcf(positives, negatives, p, c_miss, c_fa)[0] - 1e-12
    with pytest.raises(UserError, match="NaN"):
        actual_dcf(positives, negatives, np.nan)


@pytest.mark.parametrize("seed", range(60))
def test_metrics_equal_counting_by_hand(seed):
    positives, negatives = random_sides(seed)
    rate, threshold = eer(positives, negatives)
    expected_rate, expected_threshold = eer_by_hand(positives, negatives)
    assert rate == pytest.approx(expected_rate, abs=1e-12)
    assert threshold == expected_threshold
    for p, c_miss, c_fa in [(0.01, 1, 1), (0.05, 1, 1), (0.5, 1, 1), (0.01, 10, 1), (0.9, 1, 2.5)]:
        value, threshold = min_dcf(positives, negatives, p, c_miss, c_fa)
        assert value == pytest.approx(min_dcf_by_hand(positives, negatives, p, c_miss, c_fa), abs=1e-12)
        cost = c_miss * p * np.mean(positives < threshold) + c_fa * (1 - p) * np.mean(negatives >= threshold)
        assert cost / min(c_miss * p, c_fa * (1 - p)) == pytest.approx(value, abs=1e-12)
        assert value <= 1
    for point, by_hand in zip(np.transpose(det_curve(positives, negatives)), rates_by_hand(positives, negatives)):
        assert point[[2, 0, 1]].tolist() == pytest.approx(list(by_hand), abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_det_curve_holds_scikit_learns_points(seed):
    positives, negatives = random_sides(seed)
    labels = np.r_[np.ones(len(positives)), np.zeros(len(negatives))]
    theirs = np.transpose(sklearn_det_curve(labels, np.r_[positives, negatives]))
    ours = np.transpose(det_curve(positives, negatives))
    assert {tuple(point) for point in theirs} <= {tuple(point) for point in ours}
    assert ours[0, :2].tolist() == [1, 0] and ours[-1].tolist() == [0, 1, np.inf]


def test_known_values():
    assert eer([2, 3], [0, 1]) == (0, 2)
    assert eer([0, 1], [2, 3])[0] == 1
    assert eer([5], [5]) == (0.5, 5)
    assert min_dcf([2, 3], [0, 1]) == (0, 2)
    assert min_dcf([0, 1], [2, 3]) == (1, np.inf)  # rejecting every trial is best
    assert min_dcf([0, 1], [2, 3], p_target=0.99) == (1, 0)  # accepting every trial is best
    # One of four negatives above all positives: rejecting all costs p, the other way 0.25 (1 - p).
    assert min_dcf([1, 2], [0, 0, 0, 3], p_target=0.05)[0] == 1
    assert min_dcf([1, 2], [0, 0, 0, 3], p_target=0.5) == (0.25, 1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int32])
def test_tensors_of_any_type_and_shape(dtype):
    positives, negatives = torch.tensor([[3.0, 1.0], [2.0, 4.0]]).to(dtype), torch.tensor([0.0, 2.0, 1.0]).to(dtype)
    if dtype.is_floating_point:
        positives.requires_grad_()
    assert eer(positives, negatives) == eer([3, 1, 2, 4], [0, 2, 1])
    assert min_dcf(positives, negatives, 0.5) == min_dcf([3, 1, 2, 4], [0, 2, 1], 0.5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_scores_on_a_gpu():
    assert eer(torch.tensor([1.0], device="cuda"), torch.tensor([0.0], device="cuda")) == (0, 1)


def test_inputs_are_left_alone():
    positives, negatives = np.array([3.0, 1.0]), torch.tensor([2.0, 0.0])
    eer(positives, negatives)
    assert positives.tolist() == [3, 1] and negatives.tolist() == [2, 0]


@pytest.mark.parametrize("metric", [eer, min_dcf, det_curve])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_told(metric, bad):
    with pytest.raises(UserError, match=r"1 of 2 scores .*label 1.* not finite"):
        metric([0.5, bad], [0.1])
    with pytest.raises(UserError, match=r"1 of 2 scores .*label 0.* not finite"):
        metric([0.5], [0.1, bad])


@pytest.mark.parametrize("metric", [eer, min_dcf, det_curve])
def test_an_empty_side_is_told(metric):
    with pytest.raises(UserError, match="label 1"):
        metric([], [0.1])
    with pytest.raises(UserError, match="label 0"):
        metric(torch.ones(3), torch.empty(0))


@pytest.mark.parametrize("metric", [eer, min_dcf, det_curve, cllr, min_cllr])
def test_labels_in_the_place_of_scores_are_told(metric):
    with pytest.raises(UserError, match=r"scores\[labels\], scores\[~labels\]"):
        metric(np.array([0.5, 0.1]), np.array([True, False]))


@pytest.mark.parametrize("setting", [{"p_target": 0}, {"p_target": 1}, {"c_miss": 0}, {"c_fa": -1}, {"c_fa": np.inf}])
def test_settings_out_of_range_are_told(setting):
    with pytest.raises(UserError, match=next(iter(setting))):
        min_dcf([1], [0], **setting)


def test_a_million_trials_in_seconds_and_under_a_gigabyte():
    rng = np.random.default_rng(0)
    positives, negatives = rng.normal(2, 1, 500_000), rng.normal(0, 1, 500_000)
    tracemalloc.start()
    start = time.process_time()
    rate, threshold = eer(positives, negatives)
    value, _ = min_dcf(positives, negatives)
    seconds, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 5 and peak < 2e8  # about 0.3 s on a quiet machine; a quadratic method needs hours
    assert rate == pytest.approx(0.158655, abs=2e-3) and threshold == pytest.approx(1, abs=0.02)  # Phi(-1)
    assert 0.9 < value < 1
