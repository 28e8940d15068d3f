"""How well two halves of an utterance find each other: against brute force, and that it disturbs nothing."""

import numpy as np
import pytest
import torch

from speechbrain_cadino.augmentation.augmenter import ViewAugmenter
from speechbrain_cadino.augmentation.parameters import AugmentationSampler
from speechbrain_cadino.augmentation.settings import AugmentationSettings
from speechbrain_cadino.corpus.audio import AudioError
from speechbrain_cadino.training.half_retrieval import HalfRetrieval, retrieval, with_own_statistics

N = 12


class Store:
    """Utterances that are waves in memory; the one called broken cannot be read."""

    def __init__(self, waves, broken=()):
        self.waves, self.broken = waves, broken
        self.lengths = np.array([len(wave) for wave in waves])

    def __len__(self):
        return len(self.waves)

    def read(self, utterance, start, stop):
        if utterance in self.broken:
            raise AudioError("broken")
        return self.waves[utterance][start:stop]


@pytest.fixture
def store():
    rng = np.random.default_rng(0)
    seconds = rng.uniform(0.8, 1.6, N)
    waves = []
    for number, length in enumerate((16000 * seconds).astype(int)):
        time = np.arange(length) / 16000
        wail = np.sin(2 * np.pi * (500 + 200 * number) * time + 30 * number * np.sin(2 * np.pi * (1 + number) * time))
        waves.append((0.1 * wail + 0.001 * rng.standard_normal(length)).astype(np.float32))
    return Store(waves)


@pytest.fixture
def net():
    from speechbrain.lobes.features import Fbank
    from speechbrain.processing.features import InputNormalization

    from speechbrain_cadino.encoder.ecapa import ECAPA_TDNN
    from speechbrain_cadino.encoder.model import SpeakerEncoderNet

    torch.manual_seed(0)
    ecapa = ECAPA_TDNN(
        20, channels=[8, 8, 8, 8, 24], attention_channels=4, res2net_scale=2, se_channels=4, lin_neurons=8
    )
    norm = InputNormalization(norm_type="sentence", std_norm=False)
    return SpeakerEncoderNet(Fbank(n_mels=20), norm, ecapa, embedding_dim=8)


def measure(store, augment=None, **settings):
    return HalfRetrieval(store, augment, ViewAugmenter(), seconds=0.4, **settings)


def brute_force(first, second):
    nearest = ranks = 0
    for i, one in enumerate(first):
        cosines = [float(one @ other / one.norm() / other.norm()) for other in second]
        others = cosines[:i] + cosines[i + 1 :]
        nearest += cosines[i] > max(others)
        ranks += sum(1.0 if other < cosines[i] else 0.5 if other == cosines[i] else 0.0 for other in others) / len(
            others
        )
    return {"half_retrieval": nearest / len(first), "half_rank": ranks / len(first)}


@pytest.mark.parametrize("noise", [0.0, 0.5, 3.0])
def test_against_brute_force(noise):
    generator = torch.Generator().manual_seed(1)
    first = torch.randn(40, 6, generator=generator, dtype=torch.float64)
    second = first + noise * torch.randn(40, 6, generator=generator, dtype=torch.float64)
    assert retrieval(first, second) == pytest.approx(brute_force(first, second))


def test_chance_and_ties():
    generator = torch.Generator().manual_seed(2)
    by_chance = retrieval(torch.randn(2000, 16, generator=generator), torch.randn(2000, 16, generator=generator))
    assert by_chance["half_retrieval"] < 0.004 and by_chance["half_rank"] == pytest.approx(0.5, abs=0.02)
    same = torch.ones(30, 4)
    assert retrieval(same, same) == {"half_retrieval": 0.0, "half_rank": 0.5}


def test_it_is_the_same_each_time_and_disturbs_nothing(store, net):
    augment = AugmentationSampler(AugmentationSettings())
    before = {name: value.clone() for name, value in net.state_dict().items()}
    torch.manual_seed(5)
    np.random.seed(5)
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), net.training
    ask = measure(store, augment)
    found = ask(net)
    assert found == ask(net) == measure(store, augment)(net)
    assert found != measure(store, augment, seed=1)(net)
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    assert torch.equal(states[0], torch.get_rng_state()) and (states[1] == np.random.get_state()[1]).all()
    assert net.training == states[2]


def test_only_weights_count_not_the_running_statistics(store, net):
    ask = measure(store)
    found = ask(net)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean += 3
            module.running_var *= 7
    assert ask(net) == found
    torch.nn.init.normal_(net.embedding_model.blocks[0].conv.conv.weight)
    assert ask(net) != found


def test_what_sounds_alike_is_found_again(store, net):
    assert measure(store)(net)["half_rank"] > 0.8


def test_at_most_so_many_and_what_cannot_be_read_is_left_out(store, net):
    assert len(measure(store, max_utterances=5)) == 5
    store.broken = (0, 7)
    ask = measure(store)
    assert 0 <= ask(net)["half_rank"] <= 1 and len(ask.features[0]) == N - 2


def test_halves_do_not_overlap_and_short_ones_are_repeated():
    store = Store([np.arange(16000, dtype=np.float32), np.arange(1000, dtype=np.float32)])
    ask = measure(store)
    first, second = ask._cut(0)
    assert first[-1] < 8000 <= second[0] and len(first) == len(second) == 6400
    first, second = ask._cut(1)
    assert first.max() == 499 and second.min() == 500 and len(first) == len(second) == 6400


def test_batch_norms_over_ranks_become_ones_own():
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.SyncBatchNorm(4))
    copy, norms = with_own_statistics(net)
    assert [isinstance(norm, torch.nn.BatchNorm1d) for norm in norms] == [True] and type(
        net[1]
    ) is torch.nn.SyncBatchNorm
    assert copy(torch.randn(5, 3)).shape == (5, 4)


def test_a_network_of_pictures_with_dropout(store, net):
    """ResNet has batch norms of two dimensions; what drops out by chance is no metric."""
    from speechbrain.lobes.models.ResNet import ResNet

    resnet = ResNet(20, channels=[4, 4, 4, 4], block_sizes=[1, 1, 1, 1], lin_neurons=8)
    resnet.activation1 = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Dropout(0.3))
    net.embedding_model, state = resnet, torch.get_rng_state()
    assert measure(store)(net) == measure(store)(net)
    assert torch.equal(torch.get_rng_state(), state)
