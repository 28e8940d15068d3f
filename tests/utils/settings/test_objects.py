"""Objects of the wrong class: one sentence that names the setting, what it got and what is needed."""

import functools
import os
import pydoc

import pytest
import torch

from speechbrain_cadino.dino.brain import DINOBrain
from speechbrain_cadino.dlg_lc.iteration import iterate
from speechbrain_cadino.training.budget import stage_one
from speechbrain_cadino.training.loggers import FileTrainLogger
from speechbrain_cadino.training.schedules import Constant
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.known import KNOWN
from speechbrain_cadino.utils.settings.load import build_settings, changed_settings, read_settings
from speechbrain_cadino.utils.settings.objects import NEEDED, check_object, check_objects
from tests.end_to_end.conftest import RECIPE

WRONG = [torch.nn.Linear, functools.partial(torch.nn.Linear, 1), os.path.join, object(), 3, "text", [1], {"a": 1}]
FILES = sorted(path.relative_to(RECIPE / "hparams") for path in RECIPE.glob("hparams/**/*.yaml"))
FILES = [str(file) for file in FILES if file.parts[0] != "parts" and file.name != "base.yaml"]


@pytest.mark.parametrize("name", NEEDED)
def test_each_line_refuses_what_is_something_else(name):
    said = name.replace("*", "a")
    for wrong in WRONG if NEEDED[name][0].endswith("?") else [*WRONG, None]:
        with pytest.raises(UserError) as caught:
            check_object(said, wrong, name)
        assert str(caught.value).startswith(f"{said} is ") and ", and must be " in str(caught.value)
        assert "\n" not in str(caught.value) and "0x" not in str(caught.value)


def test_the_table_names_what_is_there():
    for how, what in NEEDED.values():
        if not how.startswith("calls"):
            dotted, _, names = what.partition(": ")
            assert all(hasattr(pydoc.locate(dotted), attribute) for attribute in names.split())
    assert {name for name, kind in KNOWN.items() if "object" in kind.names} <= set(NEEDED)


@pytest.mark.parametrize("file", FILES)
def test_the_recipe_s_own_are_right(file, tmp_path):
    """Every object of every YAML, and every line of the table is of one."""
    folders = dict(data_folder=str(tmp_path), output_folder=str(tmp_path / "run"))
    folders |= {name: str(tmp_path) for name in ("calls_folder", "demo_folder", "face_folder", "embeddings")}
    tree = read_settings(RECIPE / "hparams" / file)
    tree = changed_settings(tree, {name: value for name, value in folders.items() if name in tree.items})
    small = dict(
        noise_folder=None,
        rir_folder=None,
        n_prototypes=16,
        batch_size=4,
        number_of_epochs=2,
        n_clusters=3,
        n_fine=30,
        warmup_epochs=0,
    )
    small |= dict(
        channel_prob=1.0,
        global_seconds=1.0,
        local_seconds=0.5,
        cluster_start_epoch=1,
        cluster_every=1,
        evaluate_every=1,
    )
    small |= dict(correction_start_epoch=2, margin_warmup_epochs=0, momentum_start=0.9, preload=False)
    settings = build_settings(
        changed_settings(tree, {name: value for name, value in small.items() if name in tree.items})
    )
    check_objects(settings)
    objects = {name for name, value in settings.items() if type(value).__module__.startswith("speechbrain_cadino")}
    assert objects <= set(NEEDED), "an object that the table does not know"


def test_others_of_the_kind():
    class MyBrain(DINOBrain):
        pass

    class Steps:
        def value(self, step, steps_per_epoch):
            return 0.1

    check_objects(
        {
            "brain_class": MyBrain,
            "lr_schedule": Steps(),
            "margin_schedule": Constant(0.1),
            "opt_class": functools.partial(torch.optim.AdamW, lr=0.1),
            "train_loggers": {"text": functools.partial(FileTrainLogger, save_file="a"), "other": None},
            "run": iterate,
            "budget": stage_one,
            "unknown": object(),
        }
    )


def test_a_logger_that_lacks_its_file():
    with pytest.raises(UserError, match="train_loggers.text is the class .*FileTrainLogger, which lacks .*save_file"):
        check_objects({"train_loggers": {"text": FileTrainLogger}})


@pytest.mark.parametrize("given", [{}, {"lr": 0.1}])
def test_an_optimiser_whose_step_needs_a_closure(given):
    with pytest.raises(UserError, match=r"opt_class is the class .*LBFGS, which needs more at each step .*closure"):
        check_objects({"opt_class": functools.partial(torch.optim.LBFGS, **given)})


def test_what_is_within():
    with pytest.raises(
        UserError, match="dataset.augment is the function posixpath.join, and must be an object of .*null"
    ):
        check_objects(
            {"dataset": functools.partial(pydoc.locate("speechbrain_cadino.views.ViewDataset"), augment=os.path.join)}
        )
