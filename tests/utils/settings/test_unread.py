"""Settings and run options that nothing reads."""

import pytest

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.command_line import parse_arguments
from speechbrain_cadino.utils.settings.known import STAGE_I, STAGE_II
from speechbrain_cadino.utils.settings.merge import read_file
from speechbrain_cadino.utils.settings.unread import IDLE_OPTIONS, unread
from tests.end_to_end.conftest import RECIPE
from tests.utils.settings.test_objects import FILES


@pytest.mark.parametrize("file", FILES)
def test_the_recipe_s_own_are_read(file):
    assert unread(read_file(RECIPE / "hparams" / file), ["precision"]) == []


@pytest.mark.parametrize(
    "line", ["learning_rate: 0.1", "epochs: 7", "notes: some words", "my: {n: 1}", "max_grad_norm: 1.0"]
)
def test_a_name_of_one_s_own(tmp_path, line, caplog):
    path, name = tmp_path / "my.yaml", line.split(":")[0]
    path.write_text(f"base: {RECIPE}/hparams/dino.yaml\n{line}\n")
    parse_arguments([str(path)])
    assert f"Nothing here reads {name} of {path}" in caplog.text
    caplog.clear()
    path.write_text(f"base: {RECIPE}/hparams/dino.yaml\n{line}\nlr: !ref <{name}>\n")
    parse_arguments([str(path)])
    assert caplog.text == ""


def test_a_known_name_that_works_by_reference_alone(tmp_path, caplog):
    path = tmp_path / "my.yaml"
    path.write_text(f"base: {RECIPE}/hparams/dino.yaml\nchannel_prob: 1.0\n")
    parse_arguments([str(path)])
    assert f"Nothing here reads channel_prob of {path}" in caplog.text


@pytest.mark.parametrize("name", IDLE_OPTIONS)
def test_a_run_option_without_effect(name, capsys):
    with pytest.raises(UserError, match=f"The option --{name} does nothing here: "):
        parse_arguments([str(RECIPE / "hparams/dino.yaml"), f"--{name}", "1"])
    with pytest.raises(SystemExit):
        parse_arguments([str(RECIPE / "hparams/dino.yaml"), "--help"])
    assert f"--{name}" not in capsys.readouterr().out


@pytest.mark.parametrize("stage, file", [("I", "dlg_lc.yaml"), ("I", "finetune.yaml"), ("II", "ca_dino.yaml")])
def test_a_setting_of_the_other_stage(tmp_path, stage, file, caplog):
    """As an option it is refused; in a file or a part it would be read by nobody."""
    names = {"I": STAGE_I, "II": STAGE_II}[stage]
    path, part = tmp_path / "my.yaml", tmp_path / "part.yaml"
    part.write_text("".join(f"{name}: null\n" for name in names))
    path.write_text(f"base: [{RECIPE}/hparams/{file}, {part}]\n")
    assert unread(read_file(path), []) == names
    part.write_text("gate_mode: none\n" if stage == "II" else "koleo_weight: 0.5\n")
    parse_arguments([str(RECIPE / "hparams" / file), "--part", str(part)])
    assert f"Nothing here reads {part.read_text().partition(':')[0]} of " in caplog.text
