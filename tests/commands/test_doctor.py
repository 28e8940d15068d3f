"""``doctor RUN`` as it is called."""

import json

from tests.doctor.conftest import healthy_stage_one, make_run  # noqa: F401 (a fixture)


def test_status_and_text(cli, make_run):  # noqa: F811
    folder = make_run(healthy_stage_one())
    status, out, err = cli("doctor", folder)
    assert status == 0 and "Nothing is wrong" in out and err == ""
    text = (folder / "epochs.csv").read_text().splitlines()
    (folder / "epochs.csv").write_text("\n".join([*text[:-1], text[-1].replace("0.99", "0.01")]))
    status, out, _ = cli("doctor", folder)
    assert status == 3 and "embedding spread 0.010" in out
    status, out, _ = cli("doctor", folder, "--json")
    assert status == 3 and json.loads(out)["findings"][0]["rule"] == "collapsed"


def test_wrong_calls(cli, tmp_path):
    status, out, err = cli("doctor", tmp_path / "nothing")
    assert status == 1 and out == "" and "There is no folder" in err and len(err.splitlines()) == 1
    assert cli("doctor")[0] == 2
    status, out, _ = cli("doctor", "--help")
    assert status == 0 and "Exit status: 0" in out
