"""What a run of DINO will not do is told before it trains: a table of settings and sentences."""

from types import SimpleNamespace

import pytest

from speechbrain_cadino.augmentation.augmenter import ViewAugmenter
from speechbrain_cadino.augmentation.parameters import AugmentationSampler
from speechbrain_cadino.augmentation.settings import AugmentationSettings, ChannelSettings
from speechbrain_cadino.clusters.clustering import Clustering
from speechbrain_cadino.dino.checks import check_clusters, check_dino
from speechbrain_cadino.dino.collapse import CollapseWatch
from speechbrain_cadino.dino.refresh import RefreshSchedule
from speechbrain_cadino.encoder.compensation import Compensation
from speechbrain_cadino.training.schedules import Constant, Cosine, Linear

AUGMENT = AugmentationSampler(AugmentationSettings())
REFIT = Compensation(AUGMENT, ViewAugmenter())
GOOD = dict(
    freeze_last_layer_epochs=1,
    momentum_schedule=Cosine(0.996, 1.0, 10),
    teacher_temp_schedule=Linear(0.04, 0.07, 2),
    collapse_watch=CollapseWatch(warmup_epochs=3),
    last_layer_refit=None,
    embedding_dim=192,
    average_checkpoints=5,
)


def check(items=1000, augment=AUGMENT, **changes):
    return check_dino({**GOOD, **changes}, n_epochs=10, n_utterances=items, augment=augment)


@pytest.mark.parametrize(
    "changes, sentence",
    [
        (dict(freeze_last_layer_epochs=10), "freeze_last_layer_epochs is 10 and the run has 10 epochs: the prototypes"),
        (dict(momentum_schedule=Constant(1.0)), "The teacher's momentum is 1 throughout"),
        (
            dict(momentum_schedule=Cosine(0.9, 1.0, 30)),
            "momentum_schedule has 30 epochs and the run 10: it ends before 1",
        ),
        (dict(teacher_temp_schedule=Linear(0.04, 0.07, 30)), "teacher_temp_schedule has 30 epochs and the run 10"),
        (dict(collapse_watch=CollapseWatch(warmup_epochs=10)), "collapse_watch has warmup_epochs 10"),
        (dict(last_layer_refit=REFIT, items=200), "last_layer_refit will have 200 items for 192 outputs"),
        (dict(last_layer_refit=REFIT, items=192), "last_layer_refit would have"),
        (
            dict(last_layer_refit=Compensation(AUGMENT, ViewAugmenter(), max_items=100)),
            "last_layer_refit would have",
        ),
        (dict(average_checkpoints=11), "average_checkpoints is 11 and the run has 10 epochs"),
        (dict(augment=None), "No view is augmented"),
        (dict(augment=AugmentationSampler(AugmentationSettings(rir_prob=0, noise_prob=0))), "No view is augmented"),
    ],
)
def test_what_does_nothing_is_told(changes, sentence):
    (found,) = check(**changes)
    assert found.startswith(sentence) and found.endswith(".")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        dict(teacher_temp_schedule=Linear(0.04, 0.04, 30)),  # nothing is left to reach
        dict(last_layer_refit=REFIT),
        dict(augment=AugmentationSampler(AugmentationSettings(rir_prob=0, noise_prob=0, channel=ChannelSettings()))),
    ],
)
def test_what_works_is_no_matter(changes):
    assert check(**changes) == []


@pytest.mark.parametrize("numbers, told", [(30, True), ([30, 20], True), ("auto", True), (20, False), ([20], False)])
def test_a_number_of_clusters_that_the_schedule_replaces(numbers, told):
    settings = dict(
        cluster_schedule=RefreshSchedule(5, 1, numbers),
        positive_sampler=SimpleNamespace(utterances_per_item=2),
        clustering=Clustering(n_clusters=20),
    )
    found = check_clusters(settings, n_epochs=10, n_utterances=100)
    assert [text.partition(",")[0] for text in found] == ["clustering has n_clusters 20"] * told


@pytest.mark.parametrize(
    "start, numbers, utterances_per_item, sentence",
    [
        (10, [30], 2, "cluster_start_epoch is 10 and the run has 10 epochs: nothing is clustered"),
        (5, [30, 100], 2, "n_clusters is 100 for 100 utterances: each becomes a cluster of its own"),
        (5, [1], 2, "n_clusters is 1: views of all speakers are drawn together"),
        (5, [30], 1, "utterances_per_item is 1: views never follow the clusters"),
        (5, [30], 2, None),
    ],
)
def test_clusters(start, numbers, utterances_per_item, sentence):
    settings = dict(
        cluster_schedule=RefreshSchedule(start, 1, numbers),
        positive_sampler=SimpleNamespace(utterances_per_item=utterances_per_item),
    )
    found = check_clusters(settings, n_epochs=10, n_utterances=100)
    assert len(found) == (sentence is not None) and all(text.startswith(sentence) for text in found)
