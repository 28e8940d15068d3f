"""Excerpts against plain slicing of the repeated utterance."""

import numpy as np
import pytest

from speechbrain_cadino.corpus.excerpts import READ_GAP, draw_starts, read_excerpts


def test_starts_are_uniform_over_all_that_fit():
    lengths = np.array([7, 10, 11, 4])
    starts = np.array([draw_starts(np.random.default_rng(seed), 10, lengths) for seed in range(4000)])
    for column, possible in zip(starts.T, (4, 1, 10, 7)):
        counts = np.bincount(column)
        assert len(counts) == possible and np.abs(counts - 4000 / possible).max() < 5 * np.sqrt(4000 / possible)


@pytest.mark.parametrize("seed", range(30))
def test_crops_are_the_utterance_repeated_and_cut(seed):
    rng = np.random.default_rng(seed)
    total, lengths = int(rng.integers(1, 60)), rng.integers(1, 100, size=rng.integers(1, 7))
    wave = rng.normal(size=total).astype(np.float32)
    starts = draw_starts(rng, total, lengths)
    crops = read_excerpts(lambda start, stop: wave[start:stop], total, starts, lengths)
    for crop, start, length in zip(crops, starts, lengths):
        plain = [wave[(start + i) % total] for i in range(length)]
        assert crop.tolist() == plain and crop.dtype == np.float32


def test_one_sample_fills_a_crop():
    crop = read_excerpts(lambda start, stop: np.array([0.5], np.float32), 1, np.array([0]), np.array([5]))[0]
    assert crop.tolist() == [0.5] * 5


def test_near_crops_take_one_read_and_far_ones_do_not_read_the_gap():
    reads = []

    def read(start, stop):
        reads.append((start, stop))
        return np.zeros(stop - start, np.float32)

    far = 100 + READ_GAP + 1
    read_excerpts(read, 10**9, np.array([50, 0, far, far + 20]), np.array([50, 10, 100, 10]))
    assert reads == [(0, 100), (far, far + 100)]
    reads.clear()
    read_excerpts(read, 10**9, np.array([0, far - 1]), np.array([100, 5]))
    assert reads == [(0, far + 4)]


def test_a_file_shorter_than_its_row_is_repeated():
    wave = np.arange(10, dtype=np.float32)
    crops = read_excerpts(lambda start, stop: wave[start:stop], 100, np.array([8, 4]), np.array([4, 3]))
    assert crops[0].tolist() == [8, 9, 4, 5] and crops[1].tolist() == [4, 5, 6]
