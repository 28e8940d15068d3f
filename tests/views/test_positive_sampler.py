"""Views from a cluster: who may be drawn, who is preferred, and what an item sees that is alone."""

import pickle
from collections import Counter

import numpy as np
import pytest
from torch.utils.data import DataLoader

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.crops import CropSpec
from speechbrain_cadino.views.dataset import ViewDataset
from speechbrain_cadino.views.positive_sampler import OTHER_SESSIONS, PositiveSampler
from tests.views.conftest import write_corpus


def make_source(labels, distances=None, sessions=None, **settings):
    sampler = PositiveSampler(**settings)
    sampler.bind(len(labels), sessions)
    sampler.set_clusters(np.array(labels), distances)
    return sampler


def draw(sampler, item, seed=0, n_global=2, n_local=4):
    return sampler(np.random.default_rng(seed), item, n_global, n_local).tolist()


def allowed(item, labels, distances, max_distance):
    """The others that an item may draw, told plainly."""

    def takes_part(i):
        return labels[i] >= 0 and not (max_distance is not None and distances[i] > max_distance)

    others = [i for i in range(len(labels)) if i != item and labels[i] == labels[item] and takes_part(i)]
    return others if takes_part(item) else []


@pytest.mark.parametrize("seed", range(30))
def test_who_is_drawn(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    labels, distances = rng.integers(-1, max(1, n // 4), n), rng.random(n)
    sessions = np.array([f"s{i}" for i in rng.integers(0, max(1, n // 3), n)])
    wanted, cap = int(rng.integers(1, 6)), (None, 0.7)[seed % 2]
    mode = OTHER_SESSIONS[seed % 3]
    settings = dict(utterances_per_item=wanted, max_distance=cap, other_sessions=mode)
    sampler = make_source(labels, distances, sessions, **settings)
    several = 0
    for item in range(n):
        others = allowed(item, labels, distances, cap)
        far = {i for i in others if sessions[i] != sessions[item]}
        others = sorted(far) if mode == "only" else others
        several += wanted > 1 and len(others) > 0
        for draw_seed in range(5):
            views = draw(sampler, item, draw_seed, n_global=wanted, n_local=3)
            drawn = views[:wanted]
            if len(others) < wanted - 1:  # fewer utterances than views: they come again in turn
                drawn = views[: len(others) + 1]
                assert views == [drawn[view % len(drawn)] for view in range(wanted + 3)]
            assert drawn[0] == item and len(set(drawn)) == len(drawn) == min(wanted, len(others) + 1)
            assert set(drawn[1:]) <= set(others)
            if mode != "ignore":
                assert len(far & set(drawn)) == min(len(far), len(drawn) - 1)
    assert sampler.fraction_with_several() == pytest.approx(several / n)


def test_all_that_may_be_drawn_come_equally_often():
    sampler = make_source([0, 1, 0, 0, 0, 1, 0], utterances_per_item=3)
    counts = Counter(other for seed in range(3000) for other in draw(sampler, 3, seed, 3, 0)[1:])
    assert set(counts) == {0, 2, 4, 6} and all(abs(count - 1500) < 150 for count in counts.values())


@pytest.mark.parametrize(
    "settings, n_global, n_local, places",
    [
        (dict(utterances_per_item=2), 2, 4, [0, 1, 0, 1, 0, 1]),
        (dict(utterances_per_item=3), 2, 4, [0, 1, 2, 0, 1, 2]),
        (dict(utterances_per_item=6), 2, 4, [0, 1, 2, 3, 4, 5]),
        (dict(utterances_per_item=9), 2, 4, [0, 1, 2, 3, 4, 5]),
        (dict(utterances_per_item=2, share_global=True), 2, 4, [0, 0, 1, 0, 1, 0]),
        (dict(utterances_per_item=5, share_global=True), 2, 4, [0, 0, 1, 2, 3, 4]),
        (dict(utterances_per_item=3, share_global=True), 3, 1, [0, 0, 0, 1]),
        (dict(utterances_per_item=1), 2, 4, [0, 0, 0, 0, 0, 0]),
        (dict(utterances_per_item=3), 1, 0, [0]),
    ],
)
def test_which_view_shows_which_utterance(settings, n_global, n_local, places):
    views = draw(make_source([5] * 12, **settings), 7, n_global=n_global, n_local=n_local)
    assert views[0] == 7
    order = list(dict.fromkeys(views))
    assert [order.index(view) for view in views] == places


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [-1, -1, -1, -1], [0, 1, 1, 1]])
def test_an_item_alone_is_plain_dino_and_draws_nothing(labels):
    sampler = make_source(labels, utterances_per_item=3)
    rng = np.random.default_rng(0)
    assert sampler(rng, 0, 2, 2).tolist() == [0, 0, 0, 0]
    assert rng.random() == np.random.default_rng(0).random()


def test_before_the_first_clustering_a_dataset_is_plain_dino(tmp_path):
    manifest, crops = write_corpus(tmp_path, [6000] * 5), CropSpec(2, 0.1, 1, 0.1)
    sampler = PositiveSampler()
    sampler.bind(5)
    ours, plain = ViewDataset(manifest, crops, 1, positive_sampler=sampler), ViewDataset(manifest, crops, 1)
    assert all((a == b).all() for item in range(5) for a, b in zip(ours[1, item].crops, plain[1, item].crops))
    assert sampler.fraction_with_several() == 0


@pytest.mark.parametrize("mode, utterances", [("ignore", 3), ("prefer", 3), ("only", 1)])
def test_one_cluster_of_one_session(mode, utterances):
    sampler = make_source([0] * 4, sessions=np.array(["a"] * 4), utterances_per_item=3, other_sessions=mode)
    assert len(set(draw(sampler, 2, n_global=3, n_local=0))) == utterances
    assert sampler.fraction_with_several() == (utterances > 1)


def test_unknown_sessions_are_none_in_common():
    sampler = make_source([0] * 4, sessions=np.array(["", "", "a", "a"]), utterances_per_item=4, other_sessions="only")
    assert set(draw(sampler, 0, n_global=4, n_local=0)) == {0, 1, 2, 3}
    assert set(draw(sampler, 2, n_global=4, n_local=0)) == {0, 1, 2}


def test_unknown_distances_are_never_too_far():
    labels, distances = [0, 0, 0], np.array([np.nan, 0.9, 0.1])
    sampler = make_source(labels, distances, utterances_per_item=3, max_distance=0.5)
    assert set(draw(sampler, 0)) == {0, 2} and set(draw(sampler, 1)) == {1}
    assert set(draw(make_source(labels, utterances_per_item=3, max_distance=0.5), 0)) == {0, 1, 2}


class Seen(list):
    """A dataset of what each item's views show."""

    def __init__(self, sampler, n):
        super().__init__(range(n))
        self.sampler = sampler

    def __getitem__(self, item):
        return self.sampler(np.random.default_rng(item), item, 2, 2)


def test_workers_that_run_already_see_a_new_clustering():
    sampler = make_source([0, 0, 1, 1], utterances_per_item=2)
    loader = DataLoader(Seen(sampler, 4), batch_size=None, num_workers=2, persistent_workers=True)
    assert [set(views.tolist()) for views in loader] == [{0, 1}, {0, 1}, {2, 3}, {2, 3}]
    sampler.set_clusters(np.array([0, 1, 0, 1]))
    assert [set(views.tolist()) for views in loader] == [{0, 2}, {1, 3}, {0, 2}, {1, 3}]


def test_a_copy_in_another_process_draws_the_same():
    sampler = make_source([0, 1, 0, 0, 1, 0], utterances_per_item=3)
    copy = pickle.loads(pickle.dumps(sampler))
    assert [draw(sampler, item, 3) for item in range(6)] == [draw(copy, item, 3) for item in range(6)]


def test_wrong_settings():
    with pytest.raises(UserError, match="utterances_per_item is 0"):
        PositiveSampler(utterances_per_item=0)
    with pytest.raises(UserError, match="max_distance is 0"):
        PositiveSampler(max_distance=0)
    with pytest.raises(UserError, match="other_sessions is 'never': set one of ignore, prefer, only"):
        PositiveSampler(other_sessions="never")
    with pytest.raises(ValueError, match="labels for a corpus"):
        make_source([0, 1]).set_clusters(np.array([0]))
