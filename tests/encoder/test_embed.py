"""Batches, pieces and padding leave every embedding as the encoder alone would give it."""

import threading

import numpy as np
import pytest
import torch

from speechbrain_cadino.corpus.audio import AudioError
from speechbrain_cadino.encoder.embed import AHEAD, check_wave, cut, embed_utterances, evaluating, read_ahead
from speechbrain_cadino.utils.errors import UserError


def embed(net, waves, **settings):
    return embed_utterances(net, lambda row, a, b: waves[row][a:b], [len(wave) for wave in waves], **settings)


def alone(net, wave):
    with torch.no_grad():
        return net(torch.from_numpy(wave)[None])[0].numpy()


def noise(length, seed=0):
    return np.random.default_rng(seed + length).standard_normal(length).astype(np.float32)


@pytest.mark.parametrize("batch_seconds", [0.1, 1.5, 100.0])
@pytest.mark.parametrize("threads", [1, 3])
def test_equals_each_wave_alone(make_net, batch_seconds, threads):
    net = make_net()
    # Neighbours of a frame's edge (8000), equal lengths, and the shortest that is allowed.
    waves = [noise(length, seed) for seed, length in enumerate([8000, 7999, 8001, 8159, 1600, 8000, 12345, 8100, 1600])]
    embeddings, failures = embed(net, waves, batch_seconds=batch_seconds, threads=threads)
    assert embeddings.dtype == np.float32 and not failures
    np.testing.assert_allclose(embeddings, [alone(net, wave) for wave in waves], rtol=1e-4, atol=1e-5)


def test_batch_seconds_bounds_the_batch_and_equal_frames_share_it(make_net):
    net, shapes = make_net(), []
    net.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(inputs[0].shape)))
    embed(net, [noise(8000, seed) for seed in range(5)] + [noise(8100)], batch_seconds=1.1)
    assert sorted(rows for rows, _ in shapes) == [2, 2, 2] and max(time for _, time in shapes) == 8100
    shapes.clear()
    embed(net, [noise(8000, seed) for seed in range(5)] + [noise(8160)], batch_seconds=60)
    assert sorted(shapes) == [(1, 8160), (5, 8000)]


def test_long_utterance_is_the_mean_of_its_pieces(make_net):
    net, wave = make_net(), noise(40001)
    found = embed(net, [noise(5000), wave], max_seconds=1.0)[0][1]
    wanted = np.mean([alone(net, wave[a:b]) for a, b in ((0, 13333), (13333, 26667), (26667, 40001))], axis=0)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    whole = embed(net, [wave], max_seconds=3.0)[0][0]
    np.testing.assert_allclose(whole, alone(net, wave), rtol=1e-4, atol=1e-5)
    assert np.abs(whole - found).max() > 1e-3


def test_cut_covers_every_sample_once():
    rng = np.random.default_rng(0)
    for _ in range(100):
        lengths, longest = rng.integers(1, 1000, rng.integers(1, 20)), int(rng.integers(1, 300))
        rows, starts, stops = cut(lengths, longest)
        for row, length in enumerate(lengths):
            own = rows == row
            assert own.sum() == np.ceil(length / longest)
            assert [starts[own][0], *starts[own][1:]] == [0, *stops[own][:-1]] and stops[own][-1] == length
            sizes = (stops - starts)[own]
            assert sizes.max() <= longest and sizes.max() - sizes.min() <= 1


def test_unusable_utterances_are_told_apart(make_net):
    net, waves = make_net(), [noise(5000), noise(6000), noise(48000)]

    def read(row, start, stop):
        if row == 1 or (row, start) == (2, 0):
            raise AudioError(f"row {row} is bad")
        return waves[row][start:stop]

    embeddings, failures = embed_utterances(net, read, [5000, 6000, 48000], max_seconds=1.0)
    assert failures == {1: "row 1 is bad"} and np.isnan(embeddings[1]).all()
    # One piece of the long utterance could not be read: the others make its embedding.
    wanted = np.mean([alone(net, waves[2][16000:32000]), alone(net, waves[2][32000:])], axis=0)
    np.testing.assert_allclose(embeddings[2], wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(embeddings[0], alone(net, waves[0]), rtol=1e-4, atol=1e-5)


def test_other_errors_are_not_swallowed(make_net):
    with pytest.raises(ZeroDivisionError):
        embed_utterances(make_net(), lambda row, a, b: 1 / 0, [5000])


def test_nothing_to_embed(make_net):
    embeddings, failures = embed(make_net(), [])
    assert embeddings.shape == (0, 12) and failures == {}


def test_report_counts_each_utterance_once(make_net):
    counts = []
    embed(make_net(), [noise(length) for length in (5000, 40000, 5100, 33000)], max_seconds=1.0, report=counts.append)
    assert sum(counts) == 4


def test_evaluation_mode_full_precision_and_modes_put_back(make_net):
    net, wave = make_net(), noise(8000)
    wanted = alone(net, wave)
    net.train()
    net.embedding_model.asp_bn.eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_allclose(embed(net, [wave])[0][0], wanted, rtol=1e-5, atol=1e-6)
    assert net.training and net.embedding_norm.training and not net.embedding_model.asp_bn.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    with pytest.raises(ZeroDivisionError), evaluating(net):
        assert not net.embedding_norm.training
        raise ZeroDivisionError
    assert net.embedding_norm.training


def test_read_ahead_keeps_order_and_stays_within_its_bound():
    taken, reading = [], threading.Lock()

    def items():
        for item in range(200):
            taken.append(item)
            yield item

    def read(item):
        with reading:
            return item

    stream = read_ahead(read, items(), threads=3)
    assert [next(stream) for _ in range(5)] == list(range(5))
    assert len(taken) <= 5 + AHEAD
    assert list(stream) == list(range(5, 200))


@pytest.mark.parametrize(
    "wave, reason",
    [
        (np.zeros((2, 8000)), "has the shape .2, 8000.: give one channel"),
        (np.zeros(0), "is 0 s long"),
        (noise(1599), "is 0.09994 s long, less than 0.1 s"),
        (np.full(8000, np.nan), "not finite"),
        (np.zeros(8000), "is silent"),
        (np.full(8000, 0.5), "is silent, every sample is 0.5"),
    ],
)
def test_bad_waves(wave, reason):
    with pytest.raises(AudioError, match=f"^a.wav .*{reason}"):
        check_wave(wave, "a.wav")


def test_settings_without_sense(make_net):
    for settings in (dict(batch_seconds=0), dict(max_seconds=0.05)):
        with pytest.raises(UserError, match="is under 0.1 s"):
            embed(make_net(), [noise(8000)], **settings)
