"""Which encoder to keep: said at the end, kept in the folder, said again by a second start. And what is done once."""

import contextlib
import json
from unittest import mock

import pytest

from speechbrain_cadino.training import experiment, plan
from tests.end_to_end.conftest import options, run_script
from tests.end_to_end.test_dlg_lc import command, corpus, encoder, labels, rows  # noqa: F401
from tests.end_to_end.test_small import HEAD, NET, SHORT, folder, train  # noqa: F401

MEASURED = dict(retrieval_utterances=16, number_of_epochs=2, gate_mode="none")


def verdicts(text):
    """What is said about the encoder, whatever is said about it once more."""
    begins = ("Did it learn?", "What to change", "Which encoder?", "The encoder", "That of --init", "| iteration")
    return [line for line in text.splitlines() if line.startswith(begins)]


@pytest.mark.parametrize("fresh", [True, False])
def test_iterations(corpus, encoder, tmp_path, fresh):  # noqa: F811
    arguments = command(corpus, tmp_path / "run", init=encoder, fresh_encoder=fresh, **MEASURED)
    outcome = run_script("train.py", *arguments)
    assert outcome.status == 0, outcome
    told = rows(tmp_path / "run/iterations.csv")
    for number, row in enumerate(told, 1):
        part = tmp_path / f"run/iteration_{number}"
        assert 0 <= float(row["exported_half_rank"]) <= 1
        new, old, low, high = (
            float(row[name]) for name in ("exported_half_rank", "init_half_rank", "init_gain_low", "init_gain_high")
        )
        assert (low + high) / 2 == pytest.approx(new - old, abs=1e-5)
        assert (
            row["keep"].startswith("keep the encoder of ")
            and "(iteration_" in row["keep"]
            or str(encoder) in row["keep"]
        )
        info = json.loads((part / "encoder/encoder.json").read_text())["info"]
        assert info["half_rank"]["exported_half_rank"] == pytest.approx(float(row["exported_half_rank"]))
        assert f"That of --init ({encoder}) has half_rank" in info["did it learn"]
        log = (part / "train_log.txt").read_text()
        assert log.count("epoch: 0 ") == 1
    (which,) = [line for line in outcome.out.splitlines() if line.startswith("Which encoder?")]
    assert told[-1]["keep"][1:] in which and "half_rank does not see whether" in which
    again = run_script("train.py", *arguments)
    assert again.status == 0 and "nothing was done" in again.out
    said = verdicts(again.out)
    assert said == verdicts(outcome.out)[-len(said) :] and len(said) >= 5
    assert f"The encoder is in {tmp_path}/run/iteration_2/encoder" in again.out and which in again.out


def test_labels_without_an_encoder_are_compared_with_nothing(corpus, labels, tmp_path):  # noqa: F811
    outcome = run_script("train.py", *command(corpus, tmp_path / "run", labels=labels, n_iterations=1, **MEASURED))
    assert outcome.status == 0, outcome
    assert "there is no --init that it could be compared with" in outcome.out
    (row,) = rows(tmp_path / "run/iterations.csv")
    assert "init_half_rank" not in row and "(" in row["keep"]


def test_few_labels_from_an_encoder(corpus, encoder, tmp_path):  # noqa: F811
    settings = dict(label_fraction=0.5, init=encoder, **MEASURED)
    outcome = run_script("train.py", *command(corpus, tmp_path / "run", "hparams/finetune.yaml", **settings))
    assert outcome.status == 0 and f"That of --init ({encoder}) has half_rank" in outcome.out


@pytest.mark.parametrize("dim, refitted", [(8, True), (20, False)])
def test_a_refit_of_too_few_items_leaves_the_layer(folder, tmp_path, dim, refitted):  # noqa: F811
    """There are 20 utterances."""
    net = {**NET, "embedding_dim": dim}
    outcome = train("small", folder, tmp_path / "run", **{**net, **SHORT, **HEAD})
    assert outcome.status == 0, outcome
    info = json.loads((tmp_path / "run/encoder/encoder.json").read_text())["info"]
    assert ("half_rank_without_refit" in info["half_rank"]) is refitted and "exported_half_rank" in info["half_rank"]
    assert "The encoder to keep has half_rank" in outcome.out
    stays = f"last_layer_refit would have 20 items for {dim} outputs, and needs more items than outputs"
    log = (tmp_path / "run/log.txt").read_text()
    assert (stays in log) is not refitted and (f"would have 20 items for {dim}" in log) is not refitted


def test_settings_are_read_once_and_the_corpus_is_heard_once(folder, tmp_path):  # noqa: F811
    calls = {}
    with contextlib.ExitStack() as stack:
        for module, name in ((experiment, "read_settings"), (experiment, "listen_to"), (experiment, "run_facts")):
            counting = mock.Mock(side_effect=getattr(module, name))
            calls[name] = stack.enter_context(mock.patch.object(module, name, counting))
        settings = {"data_folder": folder, "output_folder": tmp_path / "run", **NET, **SHORT, **HEAD}
        outcome = run_script("train.py", "hparams/small.yaml", *options(settings))
    assert outcome.status == 0 and not hasattr(plan, "listen_to")
    assert {name: call.call_count for name, call in calls.items()} == dict.fromkeys(calls, 1)
