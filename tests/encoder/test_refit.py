"""The closed-form last layer against scipy's generalised eigenproblem, and an encoder before and after."""

import numpy as np
import pytest
import scipy.linalg
import torch

from speechbrain_cadino.encoder.discriminant import Scatter, discriminant_layer
from speechbrain_cadino.encoder.refit import fit_last_layer
from speechbrain_cadino.utils.errors import UserError


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


def fit(net, batches, labels=None):
    return fit_last_layer(net, batches, 0.3, "compensation", labels)


def views_of(net, n_batches=6):
    """Items of which views differ by a loud hum, as if that were the channel."""
    time = torch.arange(8000) / 16000
    for batch in range(n_batches):
        talkers = torch.randn(10, 8000).cumsum(1) * 0.01 + torch.randn(10, 8000)
        hums = [torch.randn(10, 1) * torch.sin(2 * torch.pi * 3000 * time) for _ in range(2)]
        yield torch.arange(10) + 10 * batch, [net.features(talkers + hum) for hum in hums]


def test_views_of_an_item_come_nearer(make_net):
    net = make_net()
    fresh = next(views_of(net, 1))[1]

    def agreement():
        one, other = (torch.nn.functional.normalize(net.embed(view), dim=1) for view in fresh)
        same = one @ other.T
        return (same.diagonal().mean() - same.mean()).item()

    before = agreement()
    fit(net, views_of(net))
    assert not net.training and agreement() > before + 0.1
    assert torch.equal(net.embedding_norm.running_var, torch.ones(12))


def test_classes_take_out_what_their_items_differ_by(make_net):
    """Items 0 and 1 are of a class, 2 and 3 ...: by their labels they come nearer than without them."""
    batches, labels = list(views_of(make_net())), torch.arange(60) // 2

    def agreement(labels):
        net = make_net()
        fit(net, batches, labels)
        rows = torch.cat([torch.nn.functional.normalize(net.embed(views[0]), dim=1) for _, views in batches])
        return ((rows[::2] * rows[1::2]).sum(1).mean() - (rows @ rows.T).mean()).item()

    assert agreement(labels) > agreement(None) + 0.1


def test_two_views_or_more(make_net):
    net = make_net()
    with pytest.raises(UserError, match="compares two views or more of an item"):
        fit(net, ((items, views[:1]) for items, views in views_of(net)))
    assert not net.embedding_model.fc.conv._forward_pre_hooks


def first_items(net, n_items):
    """Of each batch of `views_of`, so many items, in two batches."""
    for items, views in views_of(net, 2):
        yield items[: n_items // 2], [view[: n_items // 2] for view in views]


@pytest.mark.parametrize("n_items, refitted", [(2, False), (10, False), (12, False), (14, True)])
def test_with_no_more_items_than_outputs_the_layer_stays(make_net, caplog, n_items, refitted):
    net = make_net()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    assert fit(net, first_items(net, n_items)) is refitted
    same = all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert same is not refitted
    said = f"The last layer stays as it was trained: compensation would have {n_items} items for 12 outputs"
    assert (said in caplog.text) is not refitted and "set compensation" not in caplog.text


def test_no_items_and_statistics_that_are_not_finite(make_net):
    with pytest.raises(UserError, match="has got no utterance that can be read"):
        fit(make_net(), [])
    net = make_net()
    with torch.no_grad():
        net.embedding_model.fc.conv.bias.fill_(0)
        next(net.embedding_model.asp.parameters()).fill_(torch.nan)
    with pytest.raises(UserError, match="statistics are not finite"):
        fit(net, views_of(net))
