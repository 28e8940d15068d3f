"""A YAML loaded anew with other settings."""

import pytest
import torch

from speechbrain_cadino.training.experiment import Experiment, ExperimentSettings
from speechbrain_cadino.utils.errors import UserError

YAML = """\
seed: 1
__set_seed: !apply:speechbrain.utils.seed_everything [!ref <seed>]
output_folder: nowhere
size: 3
layer: !new:torch.nn.Linear
    in_features: !ref <size>
    out_features: 2
    bias: True
"""


@pytest.fixture
def experiment(tmp_path):
    path = tmp_path / "hparams.yaml"
    path.write_text(YAML)
    overrides = f"output_folder: {tmp_path / 'run'}\nlayer: {{out_features: 5, bias: !ref <seed>}}\n"
    return Experiment(ExperimentSettings.read(path, overrides), run_opts=None)


def test_the_output_folder_is_made(experiment, tmp_path):
    assert (tmp_path / "run").is_dir()
    assert experiment.hparams.layer.weight.shape == (5, 3)


def test_changes_come_on_top_of_the_command_line_s(experiment, tmp_path):
    changed = experiment.changed({"output_folder": str(tmp_path / "part"), "size": 4, "layer": {"in_features": 6}})
    assert (tmp_path / "part").is_dir()
    assert changed.hparams.layer.weight.shape == (5, 6) and changed.hparams.size == 4
    assert changed.hparams.layer.bias is not None
    assert experiment.hparams.layer.weight.shape == (5, 3)
    again = changed.changed({"size": 7})
    assert again.hparams.layer.weight.shape == (5, 6) and again.hparams.size == 7


def test_the_same_settings_give_the_same_weights(experiment):
    torch.rand(3)
    torch.testing.assert_close(experiment.changed({}).hparams.layer.weight, experiment.hparams.layer.weight)


def test_a_setting_that_is_not_there(experiment):
    with pytest.raises(UserError, match="matches no setting"):
        experiment.changed({"sise": 4})
