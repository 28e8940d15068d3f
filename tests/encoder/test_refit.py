"""An encoder before and after its last layer is fitted."""

import pytest
import torch

from speechbrain_cadino.encoder.refit import fit_last_layer
from speechbrain_cadino.utils.errors import UserError


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


def test_a_batch_norm_over_ranks_is_made_fresh_too(make_net):
    net = torch.nn.SyncBatchNorm.convert_sync_batchnorm(make_net()).eval()
    assert fit(net, views_of(net)) and isinstance(net.embedding_norm, torch.nn.SyncBatchNorm)
    assert torch.equal(net.embedding_norm.running_var, torch.ones(12))
    assert torch.equal(net.embedding_norm.weight, torch.ones(12))


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
    said = f"compensation would have {n_items} items for 12 outputs, and needs more"
    assert (said in caplog.text) is not refitted and "set compensation" not in caplog.text


def test_no_items_and_statistics_that_are_not_finite(make_net):
    with pytest.raises(UserError, match="has got no item that can be read"):
        fit(make_net(), [])
    net = make_net()
    with torch.no_grad():
        net.embedding_model.fc.conv.bias.fill_(0)
        next(net.embedding_model.asp.parameters()).fill_(torch.nan)
    with pytest.raises(UserError, match="statistics are not finite"):
        fit(net, views_of(net))
