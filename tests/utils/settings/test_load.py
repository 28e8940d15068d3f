"""The experiment's YAML: what it gives, and a sentence for each way in which it can be wrong."""

import pytest

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings import Settings, load_settings

YAML = """\
lr: 0.1
folder: out
layer: !new:torch.nn.Linear
    in_features: 2
    out_features: 3
half: !ref <lr> / 2
"""


@pytest.fixture
def load(tmp_path):
    """Give a function from the text of a YAML file and overrides to its settings."""

    def load(text, overrides=""):
        (tmp_path / "test.yaml").write_text(text)
        return load_settings(tmp_path / "test.yaml", overrides)

    return load


def test_objects_references_and_overrides(load):
    settings = load(YAML, "lr: 0.4\nlayer: {out_features: 7}")
    assert settings["half"] == 0.2 and settings["layer"].weight.shape == (7, 2)
    assert load(YAML)["half"] == 0.05


@pytest.mark.parametrize(
    "text, overrides, reason",
    [
        (YAML.replace("Linear", "Linaer"), "", "Linaer"),
        (YAML.replace("torch.nn", "torch.nm"), "", "torch.nm"),
        (YAML.replace("in_features", "in_feature"), "", "in_feature"),
        (YAML.replace("<lr>", "<rate>"), "", "rate"),
        (YAML.replace("lr: 0.1", "lr: [0.1"), "", "are not YAML"),
        (YAML.replace("lr: 0.1", "lr: !new"), "", "test.yaml"),
        (YAML + "lr: 0.2\n", "", "says lr again"),
        ("- 1\n- 2\n", "lr: 1", "test.yaml"),
        ("", "", "test.yaml"),
        (YAML, "learning_rate: 1", "learning_rate"),
        (YAML, "layer: {out: 1}", "out"),
        (YAML, "lr: [1", "not YAML"),
        (YAML, "lr", "no mapping"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(load, text, overrides, reason):
    with pytest.raises(UserError) as caught:
        load(text, overrides)
    message = str(caught.value)
    assert ": correct" in message and ("test.yaml" in message or overrides)
    assert reason in message and "\n" not in message and len(message) < 400


def test_a_placeholder_names_the_option_that_fills_it(load):
    with pytest.raises(UserError, match=r"test.yaml leave folder open: give it, as --folder VALUE\.$"):
        load(YAML.replace("out\n", "!PLACEHOLDER\n"), "")


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"absent.yaml cannot be read \(No such file or directory\): check the path"):
        load_settings(tmp_path / "absent.yaml")


def test_a_missing_setting_names_itself():
    settings = Settings(lr=0.1)
    assert settings.lr == 0.1
    with pytest.raises(UserError, match="lacks the setting batch_size: add it"):
        settings.batch_size
    assert not hasattr(settings, "__wrapped__")
