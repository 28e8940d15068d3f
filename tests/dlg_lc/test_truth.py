"""How right labels are, against plain counting."""

import numpy as np
import pytest
import torch

from speechbrain_cadino.dlg_lc.loss import Verdicts, epoch_ratios
from speechbrain_cadino.dlg_lc.truth import Truth


def make_labels(seed):
    rng = np.random.default_rng(seed)
    n, classes, speakers = rng.integers(1, 200), rng.integers(1, 30), rng.integers(1, 30)
    return rng.integers(classes, size=n), rng.integers(speakers, size=n)


def make_verdicts(seed, batch, classes):
    generator = torch.Generator().manual_seed(seed)
    kept, corrected = torch.rand(2, batch, generator=generator) < 0.5
    predicted = torch.randint(classes, (batch,), generator=generator)
    return Verdicts(torch.rand(batch, generator=generator), kept, ~kept & corrected, predicted)


@pytest.mark.parametrize("unknown", [0, 0.4, 1])
@pytest.mark.parametrize("seed", range(10))
def test_ratios_equal_plain_counting(seed, unknown):
    """Over those whose speakers are known."""
    labels, speakers = make_labels(seed)
    known = np.random.default_rng(seed).random(len(labels)) >= unknown
    own = {c: [speakers[i] for i in np.flatnonzero(known & (labels == c))] for c in range(labels.max() + 1)}
    majority = [min(set(some), key=lambda one: (-some.count(one), one)) if some else None for some in own.values()]
    truth = Truth(labels, np.where(known, [f"id{speaker:03d}" for speaker in speakers], ""))
    assert truth.right.tolist() == [bool(majority[labels[i]] == speakers[i] and known[i]) for i in range(len(labels))]
    items = torch.from_numpy(np.random.default_rng(seed).permutation(len(labels)))
    verdicts = make_verdicts(seed, len(items), int(labels.max()) + 1)
    stats = {name: value.item() for name, value in truth.stats(items, verdicts).items()}
    stats |= {"gate_loss": 0.0, "fraction_kept": verdicts.kept.float().mean().item()}
    stats["fraction_corrected"] = verdicts.corrected.float().mean().item()
    ratios = epoch_ratios(stats)
    wrong = [i for i in items.tolist() if known[i] and not truth.right[i]]
    rejected = [i for i, kept in zip(items.tolist(), verdicts.kept.tolist()) if known[i] and not kept]
    fixed = [i for i, corrected in zip(items.tolist(), verdicts.corrected.tolist()) if known[i] and corrected]
    hits = [i for i, c in zip(items.tolist(), verdicts.classes.tolist()) if i in fixed and majority[c] == speakers[i]]
    if known.any():
        assert (stats | ratios)["fraction_wrong"] == pytest.approx(len(wrong) / known.sum(), abs=1e-6)
    else:
        assert "fraction_wrong" not in stats | ratios
    both = set(wrong) & set(rejected)
    for name, part, whole in [
        ("gate_precision", both, rejected),
        ("gate_recall", both, wrong),
        ("corrected_accuracy", hits, fixed),
    ]:
        assert (name in ratios) == bool(whole)
        if whole:
            assert ratios[name] == pytest.approx(len(part) / len(whole), abs=1e-6)


def test_without_clean_views_nothing_is_said_of_the_correction():
    truth = Truth(np.array([0, 0, 1]), np.array(["a", "a", "b"]))
    verdicts = Verdicts(torch.ones(2), torch.tensor([True, False]), torch.zeros(2, dtype=torch.bool), None)
    stats = truth.stats(torch.tensor([0, 2]), verdicts)
    assert set(stats) == {"fraction_wrong", "wrong_not_kept"} and all(value == 0 for value in stats.values())
