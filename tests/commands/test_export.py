"""The command ``export``: what it writes, of a run and of an encoder, and what it refuses."""

import os
import shutil

import click
import pytest
from click.testing import CliRunner

from speechbrain_cadino.commands.export import command
from speechbrain_cadino.publish import onnx_file
from speechbrain_cadino.utils.errors import UserError
from tests.publish.conftest import export, with_onnx  # noqa: F401


def call(*arguments):
    """Exit status and output; a `UserError` passes, as the group tells it."""
    outcome = CliRunner().invoke(command, [str(argument) for argument in arguments])
    if isinstance(outcome.exception, UserError):
        raise outcome.exception
    return outcome.exit_code, outcome.output


def test_a_card_of_a_run(tmp_path):
    folder = export(tmp_path / "run" / "encoder")
    status, output = call(tmp_path / "run", "--card", "--license", "cc-by-4.0")
    assert (status, output) == (0, f"The model card is {folder / 'README.md'}.\n")
    assert "license: cc-by-4.0" in (folder / "README.md").read_text(encoding="utf-8")


def test_somebody_elses_readme_is_told_by_the_status(tmp_path, caplog):
    folder = export(tmp_path / "encoder")
    (folder / "README.md").write_text("mine")
    assert call(folder, "--card")[0] == 3 and "left as it is" in caplog.text
    assert (folder / "README.md").read_text() == "mine"


def test_onnx_and_a_card_that_names_it(with_onnx, tmp_path, monkeypatch):  # noqa: F811
    shutil.copytree(with_onnx, tmp_path / "run" / "encoder")
    for name in ("model.onnx", "model_int8.onnx"):
        (tmp_path / "run" / "encoder" / name).unlink()
    monkeypatch.setattr(onnx_file, "_write", lambda source, path: shutil.copy(with_onnx / "model.onnx", path))
    assert call(tmp_path / "run", "--onnx", "--card")[0] == 0
    assert "- onnx\n" in (tmp_path / "run" / "encoder" / "README.md").read_text(encoding="utf-8")
    assert call(tmp_path / "run", "--onnx", "--int8", "-o", tmp_path / "small.onnx")[0] == 0
    assert sorted(os.listdir(tmp_path)) == ["run", "small.onnx"]
    assert "model_int8.onnx" not in os.listdir(tmp_path / "run" / "encoder")


@pytest.mark.parametrize(
    "options, said",
    [
        ([], "--onnx, --card, or both"),
        (["--card", "--int8"], "--int8 does nothing without --onnx"),
        (["--card", "-o", "x.onnx"], "--output does nothing without --onnx"),
        (["--onnx", "--license", "mit"], "--license does nothing without --card"),
    ],
)
def test_what_would_do_nothing_is_refused(options, said, tmp_path):
    status, output = call(tmp_path, *options)
    assert status == click.UsageError.exit_code and said in output


@pytest.mark.parametrize("option", ["--onnx", "--card"])
def test_no_encoder_is_one_sentence(option, tmp_path):
    with pytest.raises(UserError, match="holds no encoder"):
        call(tmp_path, option)
