"""A run that starts from another one: which folder is meant."""

import pytest
import torch

from speechbrain_cadino.training.checkpoints import SafeCheckpointer
from speechbrain_cadino.training.start import load_from_run
from speechbrain_cadino.utils.errors import UserError


def test_a_folder_inside_the_run_is_told_which_was_meant(tmp_path):
    model, run = torch.nn.Linear(2, 2), tmp_path / "run"
    saved = SafeCheckpointer(run / "save", {"model": model}).save_checkpoint(meta={"epoch": 1})
    (run / "encoder").mkdir()
    other = SafeCheckpointer(tmp_path / "other", {"model": torch.nn.Linear(2, 2)})
    for folder in (run / "save", saved.path, run / "encoder"):
        with pytest.raises(UserError, match=f"where there is no folder 'save': did you mean {run}.$"):
            load_from_run(other, folder)
    with pytest.raises(UserError, match="no folder 'save': give a run's output folder"):
        load_from_run(other, tmp_path / "elsewhere")
    load_from_run(other, run)  # the advice works
    assert torch.equal(other.recoverables["model"].weight, model.weight)
