"""DINO's training step against a plain loop, and each setting that changes it."""

import copy
import math

import pytest
import torch

from speechbrain_cadino.dino.brain import DINOBrain
from speechbrain_cadino.dino.collapse import CollapseError, CollapseWatch
from speechbrain_cadino.dino.koleo import KoLeoLoss
from speechbrain_cadino.dino.loss import CosineConsistencyLoss, DINOLoss
from speechbrain_cadino.training.clipping import GradientClipper
from speechbrain_cadino.training.schedules import Constant, Linear, WarmupCosine
from speechbrain_cadino.utils.errors import UserError
from tests.dino.conftest import make_brain, make_student

# Each changes with every step, so that one step too early or too late shows.
SCHEDULES = dict(
    lr_schedule=WarmupCosine(peak=0.5, end=0.01, epochs=3, warmup_epochs=1),
    momentum_schedule=Linear(0.5, 1.0, 3),
    teacher_temp_schedule=Linear(0.02, 0.2, 3),
)


class PlainDINO:
    """Student, teacher and center, trained step by step as the papers tell it."""

    def __init__(self, consistency_weight, koleo_weight, teacher_batch_norm, max_norm):
        self.student = make_student()
        self.teacher = copy.deepcopy(self.student)
        self.weights, self.batch_norm, self.max_norm = (consistency_weight, koleo_weight), teacher_batch_norm, max_norm
        self.dino_loss, self.step = DINOLoss(16), 0

    def value(self, name, steps_per_epoch):
        return SCHEDULES[name].value(self.step, steps_per_epoch)

    def make_step(self, batches, steps_per_epoch):
        self.student.zero_grad()
        temperature = self.value("teacher_temp_schedule", steps_per_epoch)
        for waves in batches:
            features = [self.student.encoder.features(wave) for wave in waves]
            self.teacher.train(self.batch_norm == "own")
            with torch.no_grad():
                targets, answers = self.teacher(features[:2])
            embeddings, logits = self.student(features)
            loss = self.dino_loss(logits, answers, temperature)[0]
            loss = loss + self.weights[0] * CosineConsistencyLoss()(embeddings, targets)
            loss = loss + self.weights[1] * KoLeoLoss()(embeddings[:2])
            (loss / len(batches)).backward()
        lr, momentum = (self.value(f"{name}_schedule", steps_per_epoch) for name in ("lr", "momentum"))
        with torch.no_grad():
            for parameter in self.student.parameters():
                gradient = parameter.grad * min(1, self.max_norm / (float(parameter.grad.norm()) + 1e-6))
                parameter -= lr * (gradient + (0.1 * parameter if parameter.ndim > 1 else 0))
            followers = [(self.teacher.parameters(), self.student.parameters())]
            if self.batch_norm == "ema":
                followers.append((self.teacher.buffers(), self.student.buffers()))
            for mine, theirs in followers:
                for own, other in zip(mine, theirs):
                    own.copy_(momentum * own + (1 - momentum) * other if own.is_floating_point() else other)
        self.step += 1


@pytest.mark.parametrize(
    "consistency_weight, koleo_weight, teacher_batch_norm, max_norm, factor",
    [(0.0, 0.0, "own", 1e6, 1), (0.5, 0.0, "own", 1e-2, 1), (0.0, 0.3, "ema", 1e6, 2), (0.2, 0.1, "ema", 1e-2, 1)],
)
def test_training_is_that_of_a_plain_loop(
    train, make_loader, consistency_weight, koleo_weight, teacher_batch_norm, max_norm, factor
):
    plain = PlainDINO(consistency_weight, koleo_weight, teacher_batch_norm, max_norm)
    loader = make_loader()
    for epoch in (1, 2, 3):
        loader.set_epoch(epoch)
        batches = [batch.waves for batch in loader]
        for first in range(0, len(batches), factor):
            plain.make_step(batches[first : first + factor], len(batches) // factor)
    brain = train(
        epochs=3,
        consistency_weight=consistency_weight,
        koleo_weight=koleo_weight,
        teacher_batch_norm=teacher_batch_norm,
        gradient_clipper=GradientClipper(max_norm),
        grad_accumulation_factor=factor,
        **SCHEDULES,
    )
    assert brain.optimizer_step == plain.step == 6 // factor
    for found, wanted in (
        (brain.modules.student, plain.student),
        (brain.teacher.model, plain.teacher),
        (brain.dino_loss, plain.dino_loss),
    ):
        torch.testing.assert_close(dict(found.state_dict()), dict(wanted.state_dict()), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("epochs_frozen", [0, 1, 2])
def test_the_last_layer_is_frozen_for_so_many_epochs(train, epochs_frozen):
    class Recording(DINOBrain):
        def epoch_check(self, metrics):
            head = self.modules.student.head
            self.ends.append((head.last_layer.weight.clone(), head.projection[0].weight.clone()))

        ends = None

    Recording.ends = [(make_student().head.last_layer.weight, make_student().head.projection[0].weight)]
    brain = train(epochs=3, brain_class=Recording, freeze_last_layer_epochs=epochs_frozen)
    for epoch, (before, after) in enumerate(zip(brain.ends, brain.ends[1:]), 1):
        assert torch.equal(before[0], after[0]) == (epoch <= epochs_frozen)
        assert not torch.equal(before[1], after[1])


def test_bf16_is_near_fp32_and_keeps_the_weights_in_full(train, tmp_path):
    rate = Constant(0.001)
    runs = {name: train(tmp_path / name, precision=name, lr_schedule=rate) for name in ("fp32", "bf16")}
    losses = [[row["loss"] for row in brain.history.rows] for brain in runs.values()]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
    assert {value.dtype for value in runs["bf16"].modules.student.parameters()} == {torch.float32}
    assert {value.dtype for value in runs["bf16"].teacher.parameters()} == {torch.float32}


def test_what_an_epoch_tells(train):
    row = train(epochs=1, consistency_weight=0.5, koleo_weight=0.1).history.rows[0]
    assert row["loss"] == pytest.approx(
        row["dino_loss"] + 0.5 * row["consistency_loss"] + 0.1 * row["koleo_loss"], abs=1e-4
    )
    assert row["max_entropy"] == pytest.approx(math.log(16))
    assert row["entropy_gap"] == pytest.approx(row["entropy_of_mean"] - row["mean_entropy"], abs=1e-5)
    assert 0 < row["embedding_spread"] < 1.1


def test_the_encoder_to_export_is_the_mean_of_the_kept_epochs(train):
    class Recording(DINOBrain):
        def epoch_check(self, metrics):
            self.ends.append(copy.deepcopy(self.teacher.model.encoder.state_dict()))

        ends = []

    brain = train(epochs=3, brain_class=Recording, average_checkpoints=2, ckpt_interval_steps=1)
    found = brain.encoder_to_export()
    assert not found.training and found is brain.encoder_to_test()
    for name, value in found.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (Recording.ends[1][name] + Recording.ends[2][name]) / 2)


def test_the_encoder_to_export_is_refitted_on_the_training_utterances(train):
    class Recording:
        max_items = 100

        def refit(self, net, manifest, setting, labels):
            self.asked = net, manifest, setting, labels
            return True

    refit = Recording()
    brain = train(epochs=1, last_layer_refit=refit)
    assert brain.encoder_to_export() is refit.asked[0]
    assert refit.asked[1] is brain.manifest and len(brain.manifest) == 8
    assert refit.asked[2:] == ("last_layer_refit", None)


@pytest.mark.parametrize("stop_at", [1, 2, 3])
def test_a_stopped_run_goes_on_to_the_same_weights(train, make_loader, tmp_path, stop_at):
    class Stopping(DINOBrain):
        def on_fit_batch_start(self, batch, should_step):
            if self.optimizer_step == stop_at:
                raise KeyboardInterrupt

    settings = dict(epochs=2, ckpt_interval_steps=1, teacher_batch_norm="ema", **SCHEDULES)
    whole = train(tmp_path / "whole", **settings)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "part", brain_class=Stopping, **settings)
    again = train(tmp_path / "part", **settings)
    for name in ("student", "teacher", "dino_loss"):
        found, wanted = (getattr(brain, name, None) or brain.modules[name] for brain in (again, whole))
        torch.testing.assert_close(dict(found.state_dict()), dict(wanted.state_dict()), rtol=0, atol=0)
    rows = [[{**row, "seconds": 0, "seconds_waiting": 0} for row in brain.history.rows] for brain in (again, whole)]
    assert rows[0] == rows[1] and len(rows[0]) == 2


class Deaf(DINOBrain):
    """Its encoder gives every input the same embedding."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for encoder in (self.modules.student.encoder, self.teacher.model.encoder):
            torch.nn.init.zeros_(encoder.linear.weight)


def test_a_collapsed_run_stops_and_says_so(train, tmp_path):
    changes = dict(brain_class=Deaf, lr_schedule=Constant(0.0), collapse_watch=CollapseWatch(warmup_epochs=1))
    with pytest.raises(CollapseError, match="Training has collapsed: after epoch 2 .* start again in another"):
        train(epochs=3, **changes)
    brain = make_brain(tmp_path)
    assert [found.meta["epoch"] for found in brain.checkpointer.list_checkpoints()] == [1]
    assert len((tmp_path / "epochs.csv").read_text().splitlines()) == 3


def test_the_teacher_is_neither_optimised_nor_in_the_modules(train):
    brain = train(epochs=1)
    optimised = {id(parameter) for group in brain.optimizer.param_groups for parameter in group["params"]}
    assert optimised == {id(parameter) for parameter in brain.modules.student.parameters()}
    assert not any(parameter.requires_grad for parameter in brain.teacher.parameters())
    assert not optimised & {id(parameter) for parameter in brain.teacher.parameters()}


def test_views_are_augmented_before_they_are_seen(train, tmp_path):
    class Silence(torch.nn.Module):
        def forward(self, batch):
            return [torch.zeros_like(view) for view in batch.waves]

    plain, silent = train(tmp_path / "plain"), train(tmp_path / "silent", augmenter=Silence())
    spreads = [brain.history.rows[0]["embedding_spread"] for brain in (plain, silent)]
    assert spreads[0] > 0.5 and spreads[1] == 0


@pytest.mark.parametrize("name", ["dino_loss", "collapse_watch", "momentum_schedule", "koleo_weight", "crops"])
def test_a_missing_setting_is_named(make_loader, tmp_path, name):
    class Lacking(DINOBrain):
        def __init__(self, *args, hparams, **kwargs):
            del hparams[name]
            super().__init__(*args, hparams=hparams, **kwargs)

    with pytest.raises(UserError, match=f"lacks the setting {name}: add it"):
        make_brain(tmp_path, brain_class=Lacking).fit_loader(make_loader())


def test_an_unknown_kind_of_batch_norm_is_told_in_a_sentence(tmp_path):
    with pytest.raises(UserError, match="^teacher_batch_norm is 'both': give 'own' or 'ema'"):
        make_brain(tmp_path, teacher_batch_norm="both")


@pytest.mark.parametrize(
    "average, keep, told",
    [
        (0, 5, "average_checkpoints is 0: set at least 1"),
        (6, 5, "keep_checkpoints 5: set keep_checkpoints to 6 or more"),
    ],
)
def test_no_more_checkpoints_are_averaged_than_kept(tmp_path, average, keep, told):
    with pytest.raises(UserError, match=told):
        make_brain(tmp_path, average_checkpoints=average, keep_checkpoints=keep)


class SpoiltBatch(torch.nn.Module):
    """An augmenter that spoils one sample of a batch, the ``number``-th."""

    def __init__(self, number):
        super().__init__()
        self.number, self.seen = number, 0

    def forward(self, batch):
        waves = [wave.clone() for wave in batch.waves]
        self.seen += 1
        if self.seen == self.number:
            waves[0][0, 0] = float("nan")
        return waves


def snapshot(brain):
    parts = (brain.modules.student, brain.teacher, brain.dino_loss)
    return [{name: value.clone() for name, value in part.state_dict().items()} for part in parts]


@pytest.mark.parametrize("batch_norm", ["own", "ema"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_skipped_step_leaves_student_teacher_and_center_as_they_were(train, number, batch_norm):
    class Watching(DINOBrain):
        def on_fit_batch_start(self, batch, should_step):
            super().on_fit_batch_start(batch, should_step)
            self.before = snapshot(self)

        def on_fit_batch_end(self, *arguments, **settings):
            super().on_fit_batch_end(*arguments, **settings)
            same = [torch.equal(old[name], new[name]) for old, new in zip(self.before, snapshot(self)) for name in old]
            self.unchanged = [*getattr(self, "unchanged", []), all(same)]

    settings = dict(brain_class=Watching, augmenter=SpoiltBatch(number), teacher_batch_norm=batch_norm)
    brain = train(run_opts={"skip_nonfinite_grads": True}, **settings)
    assert brain.unchanged == [step == number for step in range(1, 5)]
    for part in snapshot(brain):
        assert all(value.isfinite().all() for value in part.values())
    assert all(math.isfinite(value) for row in brain.history.rows for value in row.values())


def test_a_spoilt_batch_stops_the_run_where_no_step_may_be_skipped(train, tmp_path):
    with pytest.raises(UserError, match="not finite at step 2: give --skip_nonfinite_grads"):
        train(augmenter=SpoiltBatch(3), ckpt_interval_steps=1)
    saved = [torch.load(next(tmp_path.glob(f"save/*/{name}.ckpt"))) for name in ("student", "teacher", "dino_loss")]
    assert all(value.isfinite().all() for state in saved for value in state.values())
