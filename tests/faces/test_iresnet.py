"""The network against ArcFace's, written down plainly, and its size."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from speechbrain_cadino.faces.iresnet import IResNet
from speechbrain_cadino.utils.errors import UserError


def batch_norm(x, norm):
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, norm.training, eps=norm.eps)


def plain_block(x, block):
    """insightface's IBasicBlock: bn1, conv1, bn2, prelu, conv2 with the stride, bn3; downsample beside it."""
    bn1, conv1, bn2, prelu, conv2, bn3 = block.residual
    out = F.conv2d(batch_norm(x, bn1), conv1.weight, padding=1)
    out = F.prelu(batch_norm(out, bn2), prelu.weight)
    out = batch_norm(F.conv2d(out, conv2.weight, stride=conv2.stride, padding=1), bn3)
    if not isinstance(block.shortcut, nn.Identity):
        conv, norm = block.shortcut
        x = batch_norm(F.conv2d(x, conv.weight, stride=conv.stride), norm)
    return out + x


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "settings",
    [dict(size=32, width=4), dict(size=33, width=3, layers=(1, 2, 1, 3)), dict(size=48, width=4, stem_stride=2)],
)
def test_it_is_arcfaces(settings, training):
    net = IResNet(embedding_dim=10, **settings).train(training)
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.PReLU)):
            nn.init.uniform_(module.weight, 0.2, 2)
    images = torch.randn(3, 3, settings["size"], settings["size"])
    conv, norm, prelu = net.stem
    x = F.prelu(batch_norm(F.conv2d(images, conv.weight, stride=conv.stride, padding=1), norm), prelu.weight)
    for block in net.blocks:
        x = plain_block(x, block)
    wanted = batch_norm(x, net.norm).flatten(1) @ net.fc.weight.T + net.fc.bias
    torch.testing.assert_close(net(images), wanted, rtol=1e-4, atol=1e-5)


def test_iresnet_18_has_the_published_size():
    net = IResNet()
    shapes = {name: parameter.shape for name, parameter in net.named_parameters()}
    assert sum(shape.numel() for shape in shapes.values()) == 24_024_576  # 24.03 million with the last batch norm's
    assert shapes["fc.weight"] == (512, 25088)
    strides = [block.residual[4].stride[0] for block in net.blocks]
    assert strides == [2, 1] * 4 and all(block.residual[1].stride == (1, 1) for block in net.blocks)


def test_dropout_is_before_the_last_layer():
    net = IResNet(size=16, width=4, embedding_dim=8, dropout=0.5)
    images = torch.randn(2, 3, 16, 16)
    assert not torch.equal(net.train()(images), net(images))
    assert torch.equal(net.eval()(images), net(images))


@pytest.mark.parametrize(
    "change, said",
    [
        (dict(size=15), "size 15"),
        (dict(size=48.0), "size 48.0"),
        (dict(width=0), "width 0"),
        (dict(embedding_dim=True), "embedding_dim True"),
        (dict(layers=(2, 2, 2)), "four whole numbers"),
        (dict(layers=(2, 2, 2, 0)), "four whole numbers"),
        (dict(dropout=1), "dropout 1"),
        (dict(dropout="a"), "dropout a"),
        (dict(stem_stride=3), "stem_stride 3"),
    ],
)
def test_settings_that_make_no_sense(change, said):
    with pytest.raises(UserError, match=said):
        IResNet(**{"size": 32, "width": 4, **change})
