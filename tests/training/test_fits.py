"""Parts of a network that do not fit each other: one sentence before anything is read, and nothing changes."""

import functools

import pytest
import torch
from speechbrain.lobes.features import Fbank
from speechbrain.processing.features import InputNormalization

from speechbrain_cadino.dino.head import DINOHead
from speechbrain_cadino.dino.loss import DINOLoss
from speechbrain_cadino.dlg_lc.aam import CosineClassifier
from speechbrain_cadino.encoder.ecapa import ECAPA_TDNN
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.encoder.precomputed import PrecomputedEncoder
from speechbrain_cadino.training.fits import check_fits
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.crops import CropSpec

SMALL = dict(channels=[8, 8, 24], kernel_sizes=[5, 3, 1], dilations=[1, 2, 1], attention_channels=4, se_channels=4)


def settings(features=None, norm=None, ecapa=None, head=None, dim=8, **others):
    """A network of the smallest size with some arguments replaced."""
    net = ECAPA_TDNN(**{**SMALL, "input_size": 20, "lin_neurons": 8, "res2net_scale": 2, **(ecapa or {})})
    norm = InputNormalization(**{"norm_type": "sentence", "std_norm": False, **(norm or {})})
    encoder = SpeakerEncoderNet(Fbank(**{"n_mels": 20, **(features or {})}), norm, net, embedding_dim=dim)
    found = dict(encoder=encoder, crops=CropSpec(n_global=2, global_seconds=0.4, n_local=1, local_seconds=0.2))
    found |= dict(head=DINOHead(**{"in_dim": 8, "out_dim": 16, "hidden_dim": 12, "bottleneck_dim": 6, **(head or {})}))
    found |= dict(dino_loss=DINOLoss(16), classifier=CosineClassifier(8, 5), retrieval_utterances=0)
    return {**found, "opt_class": functools.partial(torch.optim.SGD, lr=0.1), **others}


def test_what_fits_stays_as_it_is():
    given = settings()
    given["encoder"].train(), given["encoder"].embedding_norm.eval()
    modes = [module.training for module in given["encoder"].modules()]
    state = {name: value.clone() for name, value in given["encoder"].state_dict().items()}
    random = torch.get_rng_state()
    check_fits(given)
    assert [module.training for module in given["encoder"].modules()] == modes
    torch.testing.assert_close(given["encoder"].state_dict(), state, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), random)
    check_fits({})
    check_fits({"opt_class": torch.optim.AdamW})
    check_fits(settings(modalities=face(4, 4, 5)))


def face(embedding_dim, classifier_dim, n_classes):
    """The setting `modalities`."""
    parts = PrecomputedEncoder(embedding_dim), CosineClassifier(classifier_dim, n_classes)
    return {"face": dict(zip(("encoder", "classifier"), parts))}


WRONG = {
    "the 40 features of a frame": dict(features=dict(n_mels=40)),
    "the 60 features of a frame": dict(features=dict(deltas=True)),
    "the 220 features of a frame": dict(features=dict(context=True)),
    "cannot take a crop of 0.2 s": dict(features=dict(win_length=100)),
    "mean_var_norm cannot take": dict(norm=dict(norm_type="global")),
    "gives (2, 1, 5)": dict(ecapa=dict(lin_neurons=5)),
    "embedding_dim 9 asks for (2, 1, 9)": dict(dim=9),
    "head cannot take embeddings of 8": dict(head=dict(in_dim=3)),
    "head has 3 prototypes and dino_loss 16": dict(head=dict(out_dim=3)),
    "head has 16 prototypes and dino_loss 4": dict(dino_loss=DINOLoss(4)),
    "classifier cannot take embeddings of 8": dict(classifier=CosineClassifier(7, 5)),
    "one view of an utterance": dict(crops=CropSpec(n_global=1, global_seconds=0.4, n_local=0)),
    "Invalid beta": dict(opt_class=functools.partial(torch.optim.Adam, betas=(0.9, 2))),
    "Nesterov": dict(opt_class=functools.partial(torch.optim.SGD, lr=0.1, nesterov=True)),
    "LBFGS": dict(opt_class=torch.optim.LBFGS),
    "retrieval_utterances is 1": dict(retrieval_utterances=1),
    "modalities.face.classifier cannot take embeddings of 4": dict(modalities=face(4, 3, 5)),
    "modalities.face.classifier has 3 classes and classifier 5": dict(modalities=face(4, 4, 3)),
    "classifier cannot take embeddings of 9": dict(voice_data=PrecomputedEncoder(9)),
}


@pytest.mark.parametrize("said", WRONG)
def test_what_does_not_fit(said):
    given = settings(**WRONG[said])
    with pytest.raises(UserError) as caught:
        check_fits(given)
    assert said in str(caught.value) and "\n" not in str(caught.value)


class Mean(torch.nn.Module):
    """The mean over time, and a last layer, if one is asked for; ``settings`` as a network of one's own has them."""

    def __init__(self, last_layer=None, settings=None, end=None):
        super().__init__()
        self.last_layer, self.end = last_layer, end
        if settings is not None:
            self.settings = settings

    def forward(self, features):
        x = features.mean(dim=1, keepdim=True)
        x = x[..., :8] if self.last_layer is None else self.last_layer(x)
        return x if self.end is None else self.end(x)


@pytest.mark.parametrize(
    "network, said",
    [
        (lambda: Mean(), "embedding_model is a Mean, which does not say what its last linear layer is"),
        (lambda: Mean(torch.nn.Linear(20, 8)), "embedding_model is a Mean, which is not known here"),
        (lambda: Mean(torch.nn.Linear(20, 8), {}, torch.relu), "whose embeddings are not what its last_layer gives"),
        (lambda: Mean(torch.nn.Linear(20, 8), {}, torch.tanh), "whose embeddings are not what its last_layer gives"),
        (lambda: Mean(torch.nn.Linear(20, 8, bias=False), {}), "with a bias"),
    ],
)
def test_an_encoder_that_could_not_be_exported(network, said):
    given = settings()
    given["encoder"].embedding_model = network()
    with pytest.raises(UserError, match=said):
        check_fits(given)


def test_a_network_of_ones_own_fits():
    given = settings()
    given["encoder"].embedding_model = Mean(torch.nn.Linear(20, 8), {})
    check_fits(given)


def test_one_view_is_enough_for_stage_two():
    given = settings(crops=CropSpec(n_global=1, global_seconds=0.4, n_local=0))
    check_fits({name: value for name, value in given.items() if name not in ("head", "dino_loss")})
