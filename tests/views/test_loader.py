import logging

import pytest
import torch

from speechbrain_cadino.augmentation.augmenter import ViewAugmenter
from speechbrain_cadino.augmentation.noise import SimulatedNoise
from speechbrain_cadino.augmentation.parameters import AugmentationSampler
from speechbrain_cadino.augmentation.settings import AugmentationSettings, ChannelSettings
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.crops import CropSpec
from speechbrain_cadino.views.dataset import ViewDataset
from speechbrain_cadino.views.loader import ViewLoader
from speechbrain_cadino.views.sampler import ViewSampler
from tests.views.conftest import equal_batches, write_corpus

SPEC = CropSpec(n_global=2, global_seconds=0.2, n_local=2, local_seconds=0.1)


@pytest.fixture(scope="module")
def drawer():
    return AugmentationSampler(AugmentationSettings(channel=ChannelSettings()), SimulatedNoise(n_tracks=2, seconds=0.5))


LOADERS = []


@pytest.fixture(autouse=True)
def workers_end_with_their_test():
    """Ends persistent workers by reference count; the garbage collector closes their queues first, then waits 5 s."""
    yield
    while LOADERS:
        LOADERS.pop()._iterator = None


def make(manifest, drawer=None, num_workers=0, batch_size=2, preload=False, **options):
    dataset = ViewDataset(manifest, SPEC, seed=1, augment=drawer, preload=preload)
    LOADERS.append(ViewLoader(dataset, ViewSampler(len(dataset), batch_size, seed=1), num_workers, **options))
    return LOADERS[-1]


def epochs(loader, *which):
    found = []
    for epoch in which:
        loader.set_epoch(epoch)
        found += list(loader)
    return found


@pytest.mark.parametrize("num_workers, preload", [(0, True), (1, False), (2, True), (2, False)])
def test_any_number_of_workers_gives_the_same(manifest, drawer, num_workers, preload):
    expected = epochs(make(manifest, drawer), 1, 2)
    found = epochs(make(manifest, drawer, num_workers, preload=preload), 1, 2)
    assert len(found) == 2 * (len(manifest) // 2) and equal_batches(expected, found)
    assert not equal_batches(expected[:5], expected[5:])
    augmenter = ViewAugmenter()
    for one, two in zip(expected, found):
        assert all(a.equal(b) and a.isfinite().all() for a, b in zip(augmenter(one), augmenter(two)))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_run_stopped_within_an_epoch_goes_on_where_it_stood(manifest, drawer, num_workers):
    expected = epochs(make(manifest, drawer), 3, 4)
    stopped = make(manifest, drawer, num_workers)
    stopped.set_epoch(3)
    batches = iter(stopped)
    found = [next(batches), next(batches)]
    state = stopped.state_dict()  # workers are ahead by now: only what was given counts
    assert state == {"epoch": 3, "batches_done": 2}

    resumed = make(manifest, drawer, num_workers)
    resumed.load_state_dict(state)
    resumed.set_epoch(3)
    assert len(resumed) == 5 and resumed.state_dict() == state
    found += list(resumed)
    assert resumed.state_dict() == {"epoch": 3, "batches_done": 5}
    assert equal_batches(expected, found + epochs(resumed, 4))


def test_a_state_taken_between_epochs_begins_the_next_one(manifest):
    loader = make(manifest)
    epochs(loader, 1)
    finished = loader.state_dict()
    loader.set_epoch(2)
    assert loader.state_dict() == {"epoch": 2, "batches_done": 0}
    resumed = make(manifest)
    resumed.load_state_dict(finished)
    assert epochs(resumed, 1) == [] and equal_batches(epochs(resumed, 2), list(loader))


def test_the_random_numbers_of_the_model_are_not_touched(manifest):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    epochs(make(manifest), 1)
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_bad_files_are_counted_and_told(damaged, caplog, num_workers):
    with caplog.at_level(logging.WARNING):
        found = epochs(make(damaged, num_workers=num_workers), 1)
    assert sum(len(batch.failures) for batch in found) == 2 and len(found) == 6
    assert "2 of 12 items could not be read and were replaced" in caplog.text and ".wav" in caplog.text
    items = torch.cat([batch.items for batch in found]).tolist()
    assert not {3, 7} & set(items)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_too_many_bad_files_stop_the_training_in_one_sentence(damaged, num_workers):
    loader = make(damaged, num_workers=num_workers, max_failed_fraction=0.01)
    with pytest.raises(UserError, match=r"2 of the epoch's first \d+ items.*max_failed_fraction \(0.01\)") as caught:
        epochs(loader, 1)
    assert "\n" not in str(caught.value)
    assert len(epochs(make(damaged, max_failed_fraction=0.02), 1)) == 6


@pytest.mark.parametrize("num_workers", [0, 1])
def test_an_error_in_a_worker_stays_one_sentence(tmp_path, num_workers):
    manifest = write_corpus(tmp_path, [100] * 4)
    for i in range(4):
        (tmp_path / f"{i}.wav").unlink()
    with pytest.raises(UserError, match="10 audio files in a row") as caught:
        epochs(make(manifest, num_workers=num_workers), 1)
    assert "\n" not in str(caught.value) and "Traceback" not in str(caught.value)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_it_knows_how_long_it_was_waited_for(manifest, num_workers, monkeypatch):
    """By a clock of which each look takes a second: one from asking for a batch to having it, none in between."""
    loader = make(manifest, num_workers=num_workers)
    seconds = iter(range(1000))
    monkeypatch.setattr("speechbrain_cadino.views.loader.time.perf_counter", lambda: next(seconds))
    for epoch in (1, 2):  # each on its own
        assert len(epochs(loader, epoch)) == loader.seconds_waited == len(loader)
