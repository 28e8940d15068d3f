"""How a run stands, and what to do next."""

import json
from pathlib import Path

import pytest

from speechbrain_cadino.report.run import read_run
from speechbrain_cadino.report.words import next_files, standing

RECIPE = Path(__file__).parents[2] / "recipes/VoxCeleb/SSL_CADINO"


def test_a_run_that_learned_goes_on_with_the_next_stage(dino):
    found = standing(read_run(dino))
    assert (found.word, found.tone) == ("LEARNED", "good") and found.sentences[0] == "200 utterances"
    # a run that has made its 6 epochs is gone on from where there are more
    assert any(f"hparams/ca_dino.yaml --start_from {dino} --number_of_epochs 9, " in each for each in found.advice)
    assert any(f"hparams/dlg_lc.yaml --init {dino}/encoder, " in each for each in found.advice)


@pytest.mark.parametrize(
    "file, clusters, labels",
    [
        ("hparams/small.yaml", "hparams/ca_small.yaml", "hparams/dlg_lc_small.yaml"),
        ("a/ca_calls.yaml", "a/ca_calls.yaml", "a/dlg_lc_calls.yaml"),
        ("hparams/demo/dino.yaml", "hparams/demo/ca_dino.yaml", "hparams/demo/dlg_lc.yaml"),
        ("mine.yaml", "hparams/ca_dino.yaml", "hparams/dlg_lc.yaml"),
        (None, "hparams/ca_dino.yaml", "hparams/dlg_lc.yaml"),
    ],
)
def test_the_next_stage_is_of_the_same_kind(file, clusters, labels):
    assert next_files(file) == (clusters, labels)
    for known in (clusters, labels) if file and file.startswith("hparams") else ():
        assert (RECIPE / known).is_file()


def test_stage_two_says_which_encoder_to_keep(iterated):
    advice = standing(read_run(iterated)).advice
    assert advice[0] == "Keep the encoder of iteration 2 (there)." and not any("--init" in each for each in advice)


@pytest.mark.parametrize("word, tone", [("not learned", "bad"), ("cannot tell", "open")])
def test_one_that_did_not_is_told_what_to_change(dino, word, tone):
    path = dino / "encoder/encoder.json"
    content = json.loads(path.read_text())
    told = f"Did it learn? {word.upper()}: loss 3; 4.\nAs it should be: x.\nWhat to change: more data; a higher lr."
    content["info"] |= {"verdict": word, "did it learn": told}
    path.write_text(json.dumps(content))
    found = standing(read_run(dino))
    assert (found.word, found.tone, found.advice[0]) == (word.upper(), tone, "Change: more data; a higher lr.")
    assert found.sentences == ["loss 3", "4.", "As it should be: x."]
    assert not any("Go on" in each for each in found.advice)


def test_one_that_was_stopped_in_its_second_iteration(iterated):
    record = json.loads((iterated / "run.json").read_text())
    del record["finished"]
    (iterated / "run.json").write_text(json.dumps(record))
    (iterated / "iteration_2/encoder/encoder.json").unlink()
    (iterated / "iterations.csv").write_text("\n".join((iterated / "iterations.csv").read_text().splitlines()[:2]))
    found = standing(read_run(iterated))
    assert found.word == "NOT FINISHED" and found.sentences[0] == "Done: 6 epochs of 6 in iteration 2 of 2."
    assert "command again" in found.advice[0]
