"""The watch against collapse, fed by the loss itself."""

import math
import statistics

import pytest
import torch

from speechbrain_cadino.dino.collapse import CollapseError, CollapseWatch, embedding_spread
from speechbrain_cadino.dino.loss import DINOLoss

PROTOTYPES = 256


def run_epoch(watch, make_logits, make_embeddings=lambda: torch.randn(32, 64), steps=3):
    dino_loss = DINOLoss(PROTOTYPES).eval()  # the center stays at 0, so that p is what the logits say
    for _ in range(steps):
        teacher = [make_logits(), make_logits()]
        _, stats = dino_loss(teacher, teacher, 0.04)
        watch.add(stats, make_embeddings())
    return watch.finish_epoch()


def uniform():
    return 1e-4 * torch.randn(32, PROTOTYPES)


def one_hot():
    logits = 1e-4 * torch.randn(32, PROTOTYPES)
    logits[:, 7] = 1.0
    return logits


def healthy_near_the_maximum():
    return 0.03 * torch.randn(32, PROTOTYPES)


def trained():
    logits = torch.zeros(32, PROTOTYPES)
    logits[torch.arange(32), torch.randint(PROTOTYPES, (32,))] = 1.0
    return logits


@pytest.mark.parametrize(
    "make_logits, seen, change",
    [
        (uniform, "nearly uniform", "lower teacher_temp"),
        (one_hot, "nearly one-hot", "raise teacher_temp"),
    ],
)
def test_a_collapsed_run_is_stopped(make_logits, seen, change):
    watch = CollapseWatch(warmup_epochs=0)
    metrics = run_epoch(watch, make_logits)
    with pytest.raises(CollapseError) as error:
        watch.check(metrics)
    message = str(error.value)
    assert seen in message and change in message and "epoch 1 " in message and "\n" not in message


@pytest.mark.parametrize("make_logits", [healthy_near_the_maximum, trained])
def test_a_healthy_run_goes_on(make_logits):
    watch = CollapseWatch(warmup_epochs=0)
    metrics = run_epoch(watch, make_logits)
    if make_logits is healthy_near_the_maximum:
        assert metrics["mean_entropy"] > 0.94 * metrics["max_entropy"]
    watch.check(metrics)


def test_embeddings_that_all_point_one_way_are_a_collapse():
    watch = CollapseWatch(warmup_epochs=0)
    metrics = run_epoch(watch, trained, lambda: torch.ones(32, 64) + 0.01 * torch.randn(32, 64))
    assert metrics["entropy_gap"] > 1.0
    with pytest.raises(CollapseError, match=r"spread 0\.0[01]"):
        watch.check(metrics)


def test_the_limits_are_settings():
    metrics = run_epoch(CollapseWatch(), healthy_near_the_maximum)
    gap, spread = metrics["entropy_gap"], metrics["embedding_spread"]
    for settings in ({"min_gap": gap * 1.01}, {"min_spread": spread * 1.01}):
        with pytest.raises(CollapseError):
            watch = CollapseWatch(warmup_epochs=0, **settings)
            run_epoch(watch, healthy_near_the_maximum)
            watch.check(metrics)
    for settings in ({"min_gap": gap * 0.99}, {"min_spread": spread * 0.99}):
        watch = CollapseWatch(warmup_epochs=0, **settings)
        run_epoch(watch, healthy_near_the_maximum)
        watch.check(metrics)


def test_the_warmup_lets_a_collapse_pass():
    watch = CollapseWatch(warmup_epochs=2)
    for _ in range(2):
        watch.check(run_epoch(watch, uniform))
    with pytest.raises(CollapseError, match="epoch 3 "):
        watch.check(run_epoch(watch, uniform))


def test_figures_are_the_means_of_the_epoch_alone():
    watch = CollapseWatch()
    for epoch in range(2):
        stats = [{"entropy_gap": torch.rand(()), "kl": torch.rand(())} for _ in range(5)]
        embeddings = [torch.randn(6, 4) for _ in range(5)]
        for step, batch in zip(stats, embeddings):
            watch.add(step, batch)
        metrics = watch.finish_epoch()
        assert watch.epochs == epoch + 1
        assert set(metrics) == {"entropy_gap", "kl", "embedding_spread"}
        for name in ("entropy_gap", "kl"):
            assert metrics[name] == pytest.approx(sum(step[name].item() for step in stats) / 5)
        assert metrics["embedding_spread"] == pytest.approx(sum(embedding_spread(b).item() for b in embeddings) / 5)


def test_resumes_in_the_middle_of_an_epoch(tmp_path):
    watch, resumed = CollapseWatch(warmup_epochs=1), CollapseWatch(warmup_epochs=1)
    run_epoch(watch, uniform)
    batches = [torch.randn(6, 4) for _ in range(5)]
    steps = [{"entropy_gap": torch.rand(())} for _ in batches]
    for step, batch in zip(steps[:2], batches[:2]):
        watch.add(step, batch)
    watch.save(tmp_path / "watch.ckpt")
    resumed.load(tmp_path / "watch.ckpt")
    for one in (watch, resumed):
        for step, batch in zip(steps[2:], batches[2:]):
            one.add(step, batch)
    assert resumed.finish_epoch() == watch.finish_epoch()
    assert resumed.epochs == watch.epochs == 2


def test_spread_equals_the_plain_formula():
    embeddings = torch.randn(7, 5) * torch.rand(5) + 1.0
    rows = [[x / math.hypot(*row) for x in row] for row in embeddings.tolist()]
    deviations = [statistics.pstdev(column) for column in zip(*rows)]
    assert embedding_spread(embeddings).item() == pytest.approx(statistics.mean(deviations) * math.sqrt(5), rel=1e-5)


def test_spread_of_isotropic_embeddings_is_one_whatever_their_length():
    torch.manual_seed(0)
    embeddings = torch.randn(512, 192)
    assert embedding_spread(embeddings).item() == pytest.approx(1.0, abs=0.02)
    assert embedding_spread(1000 * embeddings).item() == pytest.approx(1.0, abs=0.02)
    assert embedding_spread(torch.ones(8, 192)).item() == pytest.approx(0.0, abs=1e-6)


def test_an_epoch_without_a_finite_number_is_told_even_in_the_warm_up():
    watch = CollapseWatch(warmup_epochs=100)
    watch.add({"entropy_gap": torch.tensor(math.nan)}, torch.full((4, 8), math.nan))
    with pytest.raises(CollapseError, match="In epoch 1 no step has given finite numbers"):
        watch.check(watch.finish_epoch())
