"""``doctor RUN`` as it is called."""

import json

import click
import pytest

from speechbrain_cadino.commands.doctor import command
from speechbrain_cadino.utils.errors import UserError
from tests.doctor.conftest import healthy_stage_one


def call(*arguments):
    try:
        command.main([*map(str, arguments)], standalone_mode=True)
    except SystemExit as end:
        return end.code


def test_status_and_text(make_run, capsys):
    folder = make_run(healthy_stage_one())
    assert call(folder) == 0 and "Nothing is wrong" in capsys.readouterr().out
    text = (folder / "epochs.csv").read_text().splitlines()
    (folder / "epochs.csv").write_text("\n".join([*text[:-1], text[-1].replace("0.99", "0.01")]))
    assert call(folder) == 3
    assert "embedding spread 0.010" in capsys.readouterr().out
    assert call(folder, "--json") == 3
    assert json.loads(capsys.readouterr().out)["findings"][0]["rule"] == "collapsed"


def test_wrong_calls(tmp_path, capsys):
    with pytest.raises(UserError, match="There is no folder"):
        call(tmp_path / "nothing")
    assert call() == 2
    assert call("--help") == 0
    out = capsys.readouterr().out
    assert "Exit status: 0" in out and "doctor results/small/1986" in out
    assert isinstance(command, click.Command) and command.name == "doctor"
