"""What every Brain shares, tried on the smallest model there is: resume, schedules, clipping, checkpoints, records."""

import functools
import math
import re
from pathlib import Path

import pytest
import torch
from speechbrain.utils.epoch_loop import EpochCounter
from torch import nn

from speechbrain_cadino.training.brain import CadinoBrain
from speechbrain_cadino.training.checkpoints import SafeCheckpointer
from speechbrain_cadino.training.clipping import GradientClipper
from speechbrain_cadino.training.history import History
from speechbrain_cadino.training.loader import make_train_loader
from speechbrain_cadino.training.loggers import FileTrainLogger, TensorboardLogger
from speechbrain_cadino.training.schedules import Constant, Linear
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.crops import CropSpec
from speechbrain_cadino.views.dataset import ViewDataset

EPOCHS = 3
BATCHES = 4


class Killed(Exception):
    pass


@pytest.fixture(scope="module", autouse=True)
def plain_plot():
    """Instead of plots, which take longer than training here, files that name their panels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(History, "plot", lambda self, path, panels: Path(path).write_text(f"{list(panels)}"))
        yield


class TinyBrain(CadinoBrain):
    """Predicts the loudness of a view. ``die_at``: the number of batches after which it stops."""

    die_at, seen = None, 0

    def compute_forward(self, batch, stage):
        if self.die_at == self.seen:
            raise Killed
        self.seen += 1
        (views,) = batch.waves
        return self.modules.model(views.unfold(1, 100, 100).square().mean(1)), views.square().mean(1, keepdim=True)

    def compute_objectives(self, predictions, batch, stage):
        values, wanted = predictions
        # Random numbers in the loss: a run that goes on must draw those that it would have drawn.
        return (values - wanted - 0.1 * torch.rand_like(wanted)).square().mean()

    def encoder_to_test(self):
        return self.modules.model


def make_brain(folder, brain_class=TinyBrain, development=None, epochs=EPOCHS, run_opts=None, **changes):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(100, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    counter = EpochCounter(epochs)
    settings = dict(
        output_folder=str(folder),
        epoch_counter=counter,
        lr_schedule=Linear(0.1, 0.0, epochs),
        gradient_clipper=GradientClipper(1.0),
        train_loggers={"text": functools.partial(FileTrainLogger, str(folder / "log.txt"))},
        keep_checkpoints=10,
        evaluate_every=1,
        noprogressbar=True,
        remove_vector_weight_decay=True,
    )
    return brain_class(
        modules={"model": model},
        opt_class=functools.partial(torch.optim.SGD, lr=1.0, momentum=0.9, weight_decay=0.1),
        hparams={**settings, **changes},
        run_opts={"device": "cpu", **(run_opts or {})},
        checkpointer=SafeCheckpointer(folder / "save", {"model": model, "counter": counter}),
        evaluate_development=development,
    )


def make_loader(noises):
    return make_train_loader(ViewDataset(noises, CropSpec(1, 0.1, 0), seed=1), batch_size=8 // BATCHES, seed=1)


def train(brain, noises, die_at=None):
    brain.die_at = die_at
    brain.fit_loader(make_loader(noises))
    return brain


def state(brain):
    """All that a run ends with, apart from the time it took."""
    rows = [
        {name: value for name, value in row.items() if not name.startswith("seconds")} for row in brain.history.rows
    ]
    return brain.modules.model.state_dict(), brain.optimizer.state_dict()["state"], rows, torch.get_rng_state()


@pytest.fixture(scope="module")
def whole(noises, tmp_path_factory):
    """The state after an undisturbed run, for each factor of accumulation."""
    return {
        factor: state(train(make_brain(tmp_path_factory.mktemp("whole"), grad_accumulation_factor=factor), noises))
        for factor in (1, 2)
    }


@pytest.mark.parametrize("factor, interval", [(1, 0), (1, 1), (1, 3), (2, 1)])
@pytest.mark.parametrize("die_at", [1, 4, 6, 7, 11])
def test_a_stopped_run_goes_on_to_the_same_weights(whole, noises, tmp_path, die_at, interval, factor):
    settings = dict(ckpt_interval_steps=interval, grad_accumulation_factor=factor)
    with pytest.raises(Killed):
        train(make_brain(tmp_path, **settings), noises, die_at)
    brain = train(make_brain(tmp_path, **settings), noises)
    saved = {0: die_at // 4 * 4, 1: die_at // factor * factor}.get(interval)
    if saved is not None:
        assert brain.seen == EPOCHS * BATCHES - saved  # nothing is done twice that was saved
    torch.testing.assert_close(state(brain), whole[factor], rtol=0, atol=0)


def test_a_finished_run_is_not_trained_on(whole, noises, tmp_path):
    train(make_brain(tmp_path), noises)
    again = train(make_brain(tmp_path), noises)
    assert again.seen == 0
    torch.testing.assert_close(state(again)[:3], whole[1][:3], rtol=0, atol=0)


@pytest.mark.parametrize("factor", [1, 2, 3])
@pytest.mark.parametrize("max_norm", [1e-3, 1e6])
@pytest.mark.parametrize("split_decay", [True, False])
def test_steps_are_those_of_a_plain_loop(noises, tmp_path, factor, max_norm, split_decay):
    changes = dict(gradient_clipper=GradientClipper(max_norm), remove_vector_weight_decay=split_decay)
    brain = make_brain(tmp_path, grad_accumulation_factor=factor, **changes)
    model = make_brain(tmp_path / "plain").modules.model
    torch.manual_seed(5)
    train(brain, noises)

    torch.manual_seed(5)
    steps, loader = BATCHES // factor, make_loader(noises)
    momenta = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    for epoch in range(EPOCHS):
        loader.set_epoch(epoch + 1)
        batches = [batch.waves[0] for batch in loader]
        for step in range(steps):
            model.zero_grad()
            for waves in batches[step * factor : (step + 1) * factor]:
                values = model(waves.unfold(1, 100, 100).square().mean(1))
                wanted = waves.square().mean(1, keepdim=True)
                ((values - wanted - 0.1 * torch.rand_like(wanted)).square().mean() / factor).backward()
            lr = 0.1 * (1 - (epoch * steps + step) / (EPOCHS * steps))
            with torch.no_grad():
                for name, parameter in model.named_parameters():
                    gradient = parameter.grad * min(1, max_norm / (float(parameter.grad.norm()) + 1e-6))
                    decay = 0.1 if parameter.ndim > 1 or not split_decay else 0.0
                    momenta[name] = 0.9 * momenta[name] + gradient + decay * parameter
                    parameter -= lr * momenta[name]
        for waves in batches[steps * factor :]:  # seen, but too few for a step
            model(waves.unfold(1, 100, 100).square().mean(1)), torch.rand(len(waves), 1)
    assert brain.optimizer_step == EPOCHS * steps
    torch.testing.assert_close(brain.modules.model.state_dict(), model.state_dict(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("interval", [0, 1])
def test_so_many_epochs_are_kept(noises, tmp_path, interval):
    brain = train(make_brain(tmp_path, keep_checkpoints=2, ckpt_interval_steps=interval), noises)
    kept = [found.meta["epoch"] for found in brain.checkpointer.list_checkpoints() if found.meta["end-of-epoch"]]
    assert sorted(kept) == [2, 3]


@pytest.mark.parametrize("every, expected", [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (5, [5]), (9, [5])])
def test_the_development_list_is_evaluated_every_so_many_epochs(noises, tmp_path, every, expected):
    models = []

    def development(model):
        models.append(model)
        return {"EER %": 10.0 + len(models)}

    brain = train(make_brain(tmp_path, development=development, epochs=5, evaluate_every=every), noises)
    found = {row["epoch"]: row["EER %"] for row in brain.history.rows if "EER %" in row}
    assert found == {epoch: 11.0 + number for number, epoch in enumerate(expected)}
    assert all(model is brain.encoder_to_test() for model in models)


def test_what_an_epoch_leaves(noises, tmp_path):
    class Metrics(TinyBrain):
        def epoch_metrics(self):
            return {"gap": 0.5123456}

    loggers = {
        "text": functools.partial(FileTrainLogger, str(tmp_path / "log.txt")),
        "tensorboard": functools.partial(TensorboardLogger, str(tmp_path / "tensorboard")),
    }
    brain = make_brain(tmp_path, Metrics, lambda model: {"EER %": 12.5}, train_loggers=loggers)
    train(brain, noises)
    lines = (tmp_path / "epochs.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss,lr,gap,seconds,seconds_waiting,EER %" and len(lines) == 1 + EPOCHS
    first = dict(zip(lines[0].split(","), lines[1].split(",")))
    assert math.isclose(float(first["lr"]), 0.1 * (1 - 3 / 12)) and 0 < float(first["loss"]) < 100
    assert (tmp_path / "epochs.png").read_text() == "['loss', 'learning rate']"
    log = (tmp_path / "log.txt").read_text()
    assert re.match(r"epoch: 1 of 3, \d+ s left, lr: 0.075 - train loss: ", log), log
    assert log.count("train gap: 0.5123, ") == log.count("valid EER %: 12.5\n") == EPOCHS

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("EER %")] == [(1, 12.5), (2, 12.5), (3, 12.5)]
    assert len(events.Scalars("loss")) == EPOCHS


def test_no_tensorboard(noises, tmp_path):
    brain = train(make_brain(tmp_path, epochs=1), noises)
    assert len(brain.loggers.loggers) == 1 and sorted(path.name for path in tmp_path.iterdir()) == [
        "epochs.csv",
        "epochs.png",
        "log.txt",
        "save",
    ]


def test_what_the_check_refuses_is_recorded_but_not_kept(noises, tmp_path):
    class Refusing(TinyBrain):
        def epoch_check(self, metrics):
            if metrics["epoch"] == 2:
                raise UserError("no good")

    with pytest.raises(UserError, match="no good"):
        train(make_brain(tmp_path, Refusing), noises)
    brain = make_brain(tmp_path)
    assert [found.meta["epoch"] for found in brain.checkpointer.list_checkpoints()] == [1]
    assert len((tmp_path / "epochs.csv").read_text().splitlines()) == 3


class Unstable(TinyBrain):
    """One loss in each epoch is not a number."""

    def compute_objectives(self, predictions, batch, stage):
        loss = super().compute_objectives(predictions, batch, stage)
        return loss * math.nan if self.step == 2 else loss


def test_a_loss_that_is_not_finite_stops_the_run(noises, tmp_path):
    with pytest.raises(UserError, match="not finite at step 1: give --skip_nonfinite_grads"):
        train(make_brain(tmp_path, Unstable), noises)
    assert make_brain(tmp_path).checkpointer.list_checkpoints() == []


def test_losses_that_are_not_finite_can_be_skipped(noises, tmp_path):
    brain = make_brain(tmp_path, Unstable, run_opts={"skip_nonfinite_grads": True})
    train(brain, noises)
    assert len(brain.history.rows) == EPOCHS
    assert all(parameter.isfinite().all() for parameter in brain.modules.model.parameters())
    impatient = {"skip_nonfinite_grads": True, "nonfinite_patience": 0}
    with pytest.raises(UserError, match="not finite"):
        train(make_brain(tmp_path / "impatient", Unstable, run_opts=impatient), noises)


@pytest.mark.parametrize("factor", [2, 3])
@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_batch_that_is_not_finite_spoils_no_running_statistics(noises, tmp_path, factor, number):
    """With a factor of 3 the fourth batch is in no step."""

    class Spoilt(TinyBrain):
        def compute_forward(self, batch, stage):
            if self.step == number:
                batch.waves[0][0, 0] = math.nan
            return super().compute_forward(batch, stage)

    settings = dict(grad_accumulation_factor=factor, epochs=1)
    brain = train(make_brain(tmp_path, Spoilt, run_opts={"skip_nonfinite_grads": True}, **settings), noises)
    assert all(value.isfinite().all() for value in brain.modules.model.state_dict().values())
    assert brain.modules.model[1].num_batches_tracked < BATCHES
    with pytest.raises(UserError, match="not finite at step"):
        train(make_brain(tmp_path / "strict", Spoilt, **settings), noises)
    assert make_brain(tmp_path / "strict").checkpointer.list_checkpoints() == []


class BadGradient(TinyBrain):
    """In each epoch one loss is finite and its gradient is not."""

    def compute_objectives(self, predictions, batch, stage):
        loss = super().compute_objectives(predictions, batch, stage)
        weight = self.modules.model[0].weight
        return loss + (weight.detach() - weight).abs().sum().sqrt() if self.step == 2 else loss


def test_gradients_that_are_not_finite_never_reach_the_weights(noises, tmp_path):
    with pytest.raises(UserError, match="gradients are not finite at step 1: give"):
        train(make_brain(tmp_path, BadGradient, ckpt_interval_steps=1), noises)
    brain = train(make_brain(tmp_path / "skip", BadGradient, run_opts={"skip_nonfinite_grads": True}), noises)
    assert all(value.isfinite().all() for value in brain.modules.model.state_dict().values())


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"grad_accumulation_factor": 5},
            "grad_accumulation_factor is 5 and an epoch has 4 batches: set a whole number from 1 to 4",
        ),
        ({"grad_accumulation_factor": 0}, "grad_accumulation_factor is 0 .*: set a whole number from 1 to 4"),
        ({"run_opts": {"device": "abacus"}}, "The device abacus cannot be used here"),
        ({"run_opts": {"precision": "fp16"}}, "cannot be set up .*fp16.*: correct the settings or the --options"),
    ],
)
def test_bad_settings_are_told_in_a_sentence(noises, tmp_path, changes, message):
    with pytest.raises(UserError, match=message) as caught:
        train(make_brain(tmp_path, **changes), noises)
    assert "\n" not in str(caught.value)


def test_a_missing_setting_is_named(noises, tmp_path):
    brain = make_brain(tmp_path)
    del brain.hparams.gradient_clipper
    with pytest.raises(UserError, match="lacks the setting gradient_clipper"):
        train(brain, noises)


def test_gradients_change_before_they_are_clipped_and_constant_rates_are_kept(noises, tmp_path):
    class Frozen(TinyBrain):
        def before_clipping(self):
            self.modules.model[0].weight.grad = None

    brain = make_brain(tmp_path, Frozen, lr_schedule=Constant(0.01), epochs=1)
    first, last = brain.modules.model[0].weight.clone(), brain.modules.model[2].weight.clone()
    train(brain, noises)
    assert torch.equal(brain.modules.model[0].weight, first)
    assert not torch.equal(brain.modules.model[2].weight, last)
    assert {group["lr"] for group in brain.optimizer.param_groups} == {0.01}
