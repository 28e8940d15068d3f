"""What the loggers of a run are told, in every kind of logger, over two processes of one run."""

import functools
import sys
import types

import pytest
from matplotlib.figure import Figure
from speechbrain.utils.train_logger import WandBLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from speechbrain_cadino.training.loggers import FileTrainLogger, TensorboardLogger, TrainLoggers
from speechbrain_cadino.utils.errors import UserError


class Run:
    """Stands for W&B's run, which needs an account."""

    def __init__(self):
        self.logged = []

    def log(self, values, step=None):
        self.logged.append((step, values))


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", types.SimpleNamespace(Image=lambda figure: ("image", figure)))
    return Run()


@pytest.fixture
def make(tmp_path, run):
    """Give a function that makes all three loggers, as each process of a run does."""
    return lambda: TrainLoggers(
        {
            "text": functools.partial(FileTrainLogger, str(tmp_path / "log.txt")),
            "tensorboard": functools.partial(TensorboardLogger, str(tmp_path / "tensorboard")),
            "wandb": functools.partial(WandBLogger, lambda: run),
            "left out": None,
        }
    )


def curve(folder, name):
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    return [(event.step, round(event.value, 4)) for event in events.Scalars(name)]


def test_a_resumed_run_continues_its_curves_everywhere(tmp_path, make, run):
    for epochs in ([1, 2], [3]):  # two processes
        loggers = make()
        for epoch in epochs:
            loggers.log_stats({"epoch": epoch, "lr": 0.1}, {"loss": 0.5 * epoch}, {"EER %": 10.0})
    assert curve(tmp_path, "loss") == [(1, 0.5), (2, 1.0), (3, 1.5)] and len(curve(tmp_path, "lr")) == 3
    assert curve(tmp_path, "EER %") == [(1, 10.0), (2, 10.0), (3, 10.0)]
    assert [step for step, _ in run.logged] == [1, 2, 3]
    assert run.logged[2][1] == {"train": {"loss": 1.5}, "valid": {"EER %": 10.0}, "epoch": 3, "lr": 0.1}
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert lines[2] == "epoch: 3, lr: 0.1 - train loss: 1.5 - valid EER %: 10" and len(lines) == 3


def test_iterations_have_names_of_their_own(tmp_path, make):
    make().log_stats({"iteration": 2}, {"EER %": 7.5})
    assert curve(tmp_path, "iteration: EER %") == [(2, 7.5)]


def test_figures_go_where_they_can(tmp_path, make, run):
    figure = Figure(figsize=(1, 1))
    figure.subplots()
    make().log_figure("losses", figure, 4)
    assert run.logged == [(4, {"losses": ("image", figure)})]
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in events.Images("losses")] == [4]


def test_a_logger_cannot_change_what_the_next_one_is_told(tmp_path):
    told = []

    class Greedy:
        def log_stats(self, meta, train, valid):
            told.append((meta.pop("epoch"), train.pop("loss"), valid))

    TrainLoggers({"a": Greedy, "b": Greedy}).log_stats({"epoch": 1}, {"loss": 2.0})
    assert told == [(1, 2.0, None)] * 2


def test_the_text_says_which_epoch_of_how_many(tmp_path, make, run):
    loggers = make()
    loggers.log_stats({"epoch": 0}, {}, {"half_rank": 0.5})
    loggers.log_stats({"epoch": 6, "lr": 0.1, "progress": "6 of 50, 3 min left"}, {"loss": 1.5})
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert lines == ["epoch: 0 - valid half_rank: 0.5", "epoch: 6 of 50, 3 min left, lr: 0.1 - train loss: 1.5"]
    assert curve(tmp_path, "loss") == [(6, 1.5)] and curve(tmp_path, "half_rank") == [(0, 0.5)]
    assert [step for step, _ in run.logged] == [0, 6]


def test_a_log_in_a_folder_of_its_own_and_one_that_cannot_be(tmp_path):
    FileTrainLogger(str(tmp_path / "logs/deep/a.txt"))
    assert (tmp_path / "logs/deep").is_dir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "file/a.txt", tmp_path / "logs"):
        with pytest.raises(UserError, match=f"The log {path} cannot be written .*set train_log"):
            FileTrainLogger(str(path))
