"""The closed-form last layer against scipy's generalised eigenproblem, and its sums, in one order on any device."""

import numpy as np
import pytest
import scipy.linalg
import torch

from speechbrain_cadino.encoder.discriminant import Scatter, discriminant_layer


def plain_cosines(statistics, items, classes, out_dim, shrinkage):
    """The views' cosines by the textbook: between v = lambda within v, scaled so that v' within v = 1."""
    x = (statistics - statistics.mean(0)) / statistics.std(0, ddof=1)
    means = np.stack([x[items == name].mean(0) for name in sorted(set(items.tolist()))])
    within = (covariance_within(x, items) + covariance_within(x, classes)) / 2
    within += shrinkage * np.trace(within) / len(within) * np.eye(len(within))
    vectors = scipy.linalg.eigh(np.cov(means.T), within)[1][:, -out_dim:]
    return cosines(x @ vectors)


def covariance_within(x, classes):
    names = sorted(set(classes.tolist()))
    apart = np.concatenate([x[classes == name] - x[classes == name].mean(0) for name in names])
    return apart.T @ apart / (len(x) - len(names))


def cosines(rows):
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_equals_the_textbook(seed, labelled):
    rng = np.random.default_rng(seed)
    dim, n_items, shrinkage = rng.integers(3, 20), rng.integers(4, 40), rng.uniform(0.01, 1)
    out_dim = rng.integers(2, dim + 1)
    items = rng.permutation(np.concatenate([np.arange(n_items), rng.integers(n_items, size=3 * n_items)])) * 7
    speakers = rng.standard_normal((n_items, dim))[items // 7] * rng.uniform(0.2, 3, dim)
    statistics = (speakers + rng.standard_normal((len(items), dim))) * rng.uniform(0.1, 10, dim) + rng.normal(0, 5, dim)
    classes = rng.integers(9, size=n_items)[items // 7] if labelled else items  # some classes may have none
    scatter = Scatter(int(dim), n_classes=9 * labelled)
    for part in range(3):  # all views of an item in one call
        rows = items // 7 % 3 == part
        labels = [torch.from_numpy(classes[rows])] if labelled else []
        scatter.add(torch.from_numpy(statistics[rows]), torch.from_numpy(items[rows]), *labels)
    weight, bias = discriminant_layer(scatter, int(out_dim), shrinkage)
    found = statistics @ weight.numpy().T + bias.numpy()
    np.testing.assert_allclose(cosines(found), plain_cosines(statistics, items, classes, out_dim, shrinkage), atol=1e-4)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-4)
    assert np.square(found).mean() == pytest.approx(1, abs=1e-4)


def scatter_of(statistics, items):
    scatter = Scatter(statistics.shape[1])
    scatter.add(statistics, items)
    return scatter


def test_a_constant_statistic_does_no_harm():
    statistics, items = torch.randn(40, 4), torch.arange(40) % 10
    statistics[:, 1] = 3
    weight, bias = discriminant_layer(scatter_of(statistics, items), 3)
    assert torch.isfinite(weight).all() and torch.isfinite(bias).all()


def test_what_cannot_be_is_an_error():
    with pytest.raises(ValueError, match="3 outputs of 2 statistics"):
        discriminant_layer(scatter_of(torch.randn(8, 2), torch.arange(8) % 4), 3)
    with pytest.raises(ValueError, match="8 views of 8 items"):
        discriminant_layer(scatter_of(torch.randn(8, 2), torch.arange(8)), 2)


def scatter_of_batches(device="cpu"):
    """Of several batches whose views are not sorted by item, and whose items are of few classes."""
    generator, scatter = torch.Generator().manual_seed(0), Scatter(7, device, n_classes=5)
    for batch in range(4):
        items = torch.randint(9, (40,), generator=generator)
        statistics = torch.randn(40, 7, generator=generator) * 10.0 ** torch.randint(
            -6, 6, (40, 1), generator=generator
        )
        scatter.add(statistics.to(device), (items + 9 * batch).to(device), (items % 4).to(device))
    return scatter


def test_views_are_added_in_their_order_without_atomics(monkeypatch):
    """As `index_add_` does on one thread, bit for bit; on a GPU that one adds in any order."""
    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "index_add_", None)
        found = scatter_of_batches()
    sums = torch.zeros(5, 7, dtype=torch.float64)
    monkeypatch.setattr(Scatter, "add", lambda self, x, items, classes: sums.index_add_(0, classes, x.double()))
    scatter_of_batches()
    assert torch.equal(found.class_sums, sums) and found.class_counts.tolist()[4] == 0 and found.n_views == 160


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_each_time():
    first, *others = [scatter_of_batches("cuda") for _ in range(5)]
    for name in ("within", "between", "means", "sums", "class_sums"):
        assert all(torch.equal(getattr(first, name), getattr(other, name)) for other in others)
