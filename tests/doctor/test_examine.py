"""Whole runs, well and ill, stopped, running, old and copied in part: what is said of each."""

import json
import math
import os
import socket
import time

import numpy as np
import pytest

from speechbrain_cadino.clusters.table import LabelTable
from speechbrain_cadino.doctor.diagnosis import examine
from speechbrain_cadino.doctor.record import read_run
from speechbrain_cadino.doctor.tell import as_dict, exit_status, summary, tell
from speechbrain_cadino.utils.errors import UserError
from tests.doctor.conftest import EPOCHS, LN_K, SETTINGS, N, healthy_stage_one, healthy_stage_two, write_log, write_rows

ITERATIONS = SETTINGS | {"n_iterations": 2, "gate_mode": "dynamic", "lr": 0.002, "n_clusters": 20}
START = "speechbrain.core - INFO - Beginning experiment!"


def rules(folder):
    return [(one.level, one.rule) for one in examine(folder).findings]


def with_clusters(**metrics):
    row = {
        "iteration": 1,
        "step": "DLG-LC",
        "clusters": 20,
        "singletons": 0,
        "largest": 10,
        "ami_speakers": 0.9,
    } | metrics
    return [row, row | {"iteration": 2}]


def test_a_healthy_run_of_stage_one_gets_no_complaint(make_run):
    found = examine(make_run(healthy_stage_one()))
    assert found.findings == [] and exit_status(found) == 0
    text = tell(found)
    assert "Nothing is wrong with this run" in text and "is finished (stage I: 20 of 20 epochs)" in text
    assert "200 utterances (0.2 h), version 0.2.0" in text
    assert "At the end the development list's EER in % is 9.5; 27 healthy runs had 7.5 to 15.2." in text


def test_nor_does_one_of_stage_two(make_run):
    folder = make_run({"iteration_1": healthy_stage_two(), "iteration_2": healthy_stage_two()}, ITERATIONS)
    write_rows(folder / "iterations.csv", with_clusters(same_spk_within=1.0, same_spk_across=0.9))
    assert rules(folder) == []
    assert "iteration 1: 20 of 20 epochs; iteration 2: 20 of 20 epochs" in summary(read_run(folder))


def test_nothing_is_written(make_run):
    folder = make_run(healthy_stage_one())
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    examine(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_the_most_serious_comes_first(make_run):
    rows = healthy_stage_one()
    rows[-1] |= {"entropy_gap": 0.001, "seconds_waiting": 9.0, "EER %": 30.0}
    folder = make_run([row | {"seconds_waiting": 9.0} if row["epoch"] else row for row in rows])
    found = examine(folder)
    assert [one.level for one in found.findings] == ["ill", "doubtful", "doubtful", "doubtful", "doubtful"]
    assert found.findings[0].rule == "collapsed" and exit_status(found) == 3
    assert {one.rule for one in found.findings} == {"collapsed", "waiting", "got_worse", "behind"}
    assert tell(found).index("ILL ") < tell(found).index("DOUBTFUL ")


def test_what_is_said_is_what_is_there_for_machines(make_run):
    rows = healthy_stage_one()
    rows[-1]["loss"] = math.nan
    told = json.loads(json.dumps(as_dict(examine(make_run(rows))), allow_nan=False))
    assert told["verdict"] == "ill" and told["state"] == "finished" and told["epochs"] == {"": [20, 20]}
    assert told["findings"][0]["rule"] == "not_finite" and told["findings"][0]["figures"]["epochs"] == [20]


def test_a_finished_runs_own_verdict_is_taken_over(make_run):
    folder = make_run(healthy_stage_one(), verdict="Did it learn? NOT LEARNED: it is noise.\nWhat to change: speech.")
    assert rules(folder) == [("ill", "verdict")]


def test_a_stopped_run(make_run):
    folder = make_run(healthy_stage_one(7), finished=False)
    (found,) = examine(folder).findings
    assert (found.level, found.rule) == ("doubtful", "stopped") and "after epoch 7 of 20" in found.seen
    error = "speechbrain_cadino.utils.errors - ERROR - error: The memory is full: lower batch_size."
    write_log(folder, START, error)
    (found,) = examine(folder).findings
    assert (
        found.level == "ill" and "The memory is full: lower batch_size" in found.seen and "goes on" not in found.text()
    )


def test_a_collapse_is_told_once(make_run):
    rows = healthy_stage_one(7)
    rows[-1] |= {"entropy_gap": 0.001}
    folder = make_run(rows, finished=False)
    seen = examine(folder).findings[0].seen
    write_log(folder, START, f"speechbrain_cadino.utils.errors - ERROR - error: {seen}")
    assert rules(folder) == [("ill", "collapsed")]


def test_a_stopped_run_that_does_not_learn_is_told_at_half(make_run):
    rows = [row | ({"half_rank": 0.83} if "half_rank" in row else {}) for row in healthy_stage_one(10)]
    assert ("ill", "verdict") in rules(make_run(rows, finished=False))


def test_a_running_run_is_told_so_far(make_run):
    folder = make_run(healthy_stage_one(7), finished=False)
    who = {"pid": os.getpid(), "host": socket.gethostname(), "command": "x"}
    lock = folder / ".lock"
    lock.write_text(json.dumps(who | {"since": time.strftime("%Y-%m-%d %H:%M:%S")}))
    found = examine(folder)
    assert found.findings == [] and "is running" in tell(found) and "so far" in tell(found)
    lock.write_text(json.dumps(who | {"since": "2001-01-01 00:00:00"}))  # its number was given to this process since
    assert rules(folder) == [("doubtful", "stopped")]
    lock.write_text("{half")
    assert rules(folder) == [("doubtful", "stopped")]


@pytest.mark.parametrize("taken", ["run.json", "log.txt", "corpus/train.csv", "utterances.npz", "encoder/encoder.json"])
def test_a_run_without_one_of_its_files(make_run, taken):
    folder = make_run(healthy_stage_one())
    (folder / taken).unlink()
    found = examine(folder)
    assert not [one for one in found.findings if one.rule not in ("stopped", "verdict")]
    assert taken in found.record.lacking or taken in ("utterances.npz", "encoder/encoder.json")


@pytest.mark.parametrize(
    "cut", ["run.json", "epochs.csv", "corpus/train.csv", "encoder/encoder.json", "utterances.npz"]
)
@pytest.mark.parametrize("left", [0.0, 0.5])
def test_a_run_with_a_file_that_was_cut_short(make_run, cut, left):
    folder = make_run(healthy_stage_one())
    content = (folder / cut).read_bytes()
    (folder / cut).write_bytes(content[: int(left * len(content))])
    found = examine(folder)
    assert tell(found) and json.dumps(as_dict(found), allow_nan=False)
    assert "collapsed" not in {one.rule for one in found.findings}


def test_a_table_alone_will_do(tmp_path):
    write_rows(tmp_path / "epochs.csv", healthy_stage_one(12))
    found = examine(tmp_path)
    assert found.record.parts[0].epochs == 12 and found.record.parts[0].limit is None
    assert {"run.json", "hyperparams.yaml", "corpus/train.csv", "log.txt"} <= set(found.record.lacking)


def test_an_older_version_kept_auto_alone(make_run):
    folder = make_run(healthy_stage_one(7), finished=False)
    record = json.loads((folder / "run.json").read_text())
    record["settings"]["written"]["number_of_epochs"] = "auto"
    record["settings"]["resolved"]["number_of_epochs"] = 3  # of some corpus
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "hyperparams.yaml").write_text("number_of_epochs: 20\n")
    assert read_run(folder).parts[0].limit == EPOCHS


def test_no_run(tmp_path, make_run):
    with pytest.raises(UserError, match="There is no folder .*: give the output_folder of a run"):
        examine(tmp_path / "nothing")
    with pytest.raises(UserError, match="holds no run"):
        examine(tmp_path)
    (tmp_path / "iteration_1").mkdir()
    (tmp_path / "iteration_1/run.json").write_text('{"part_of": "1"}')
    with pytest.raises(UserError, match="is a part of the run in"):
        examine(tmp_path / "iteration_1")


def test_clusters_by_the_label_table_where_the_iteration_is_not_over(make_run):
    folder = make_run({"iteration_1": healthy_stage_two(7)}, ITERATIONS, finished=False)
    ids = read_run(folder).corpus.manifest.ids
    of_sessions = np.unique([one[:9] for one in ids], return_inverse=True)[1]
    LabelTable(ids, of_sessions).write(folder / "iteration_1/labels.csv")
    found = {one.rule: one for one in examine(folder).findings}
    assert (
        found["sessions"].level == "ill"
        and "100% are in one cluster within a session, and 0% across" in found["sessions"].seen
    )


def test_each_iteration_is_named(make_run):
    ill = [
        row | {"gate_threshold": 5.0, "fraction_kept": 0.3, "gate_precision": 0.1, "label_loss": 9.0}
        for row in healthy_stage_two()[1:]
    ]
    folder = make_run({"iteration_1": healthy_stage_two(), "iteration_2": healthy_stage_two()[:1] + ill}, ITERATIONS)
    (found,) = examine(folder).findings
    assert found.rule == "gate_early" and found.text().startswith("Iteration 2: The gate closed in epoch 1")


def test_further_modalities_have_gates_of_their_own(make_run):
    own = {"face_gate_threshold": 5.0, "face_fraction_kept": 0.3, "face_gate_precision": 0.1, "face_label_loss": 9.0}
    rows = [row | own if row["epoch"] else row for row in healthy_stage_two()]
    (found,) = examine(make_run({"iteration_1": rows}, ITERATIONS | {"n_iterations": 1})).findings
    assert found.rule == "gate_early" and found.seen.startswith("Of face: The gate closed")


def test_the_runs_remarks_are_repeated_but_not_those_that_a_rule_covers(make_run):
    folder = make_run(healthy_stage_one())
    remark = "speechbrain_cadino.training.remarks - WARNING - "
    write_log(
        folder,
        START,
        f"{remark}No view is augmented: set rir_prob.",
        f"{remark}lower it.",
        f"{remark}The gate was open in",
    )
    assert rules(folder) == [("doubtful", "remark"), ("note", "remark")]


def test_settings_that_nobody_has(make_run):
    folder = make_run(healthy_stage_one(), SETTINGS | {"dino_loss": "!new:x", "dino_loss.student_temp": 1000.0})
    (found,) = examine(folder).findings
    assert found.rule == "unusual" and "Dino_loss.student_temp is 1000 (usual: 0.01 to 10)" in found.seen


def test_a_run_at_ln_k(make_run):
    rows = [row | ({"dino_loss": 0.99 * LN_K} if row["epoch"] else {}) for row in healthy_stage_one()]
    assert {("ill", "near_chance"), ("doubtful", "behind")} <= set(rules(make_run(rows)))


def test_a_large_corpus_takes_seconds(make_run):
    folder = make_run(healthy_stage_one())
    line = "2026-01-01 00:00:00,000 - matplotlib.font_manager - DEBUG - score of a font\n"
    with open(folder / "log.txt", "a") as file:
        file.writelines(line for _ in range(200_000))
    start = time.process_time()
    examine(folder)
    assert time.process_time() - start < 5 and N == 200


DAMAGES = {
    "empty": (lambda text: "", "no line of it is of an epoch"),
    "semicolons": (lambda text: text.replace(",", ";"), "no line of it is of an epoch"),
    "no numbers": (lambda text: text.replace("0.99", "n/a"), "what is no number stands in embedding_spread"),
    "merged by hand": (lambda text: text + text, "1 of its 43 lines are of no epoch; an epoch stands in it twice"),
    "cut within a line": (lambda text: text[: text.rindex(",0.99")], "its last line is cut short"),
    "cut between lines": (lambda text: "".join(text.splitlines(True)[:12]), "it has 10 of 20 epochs"),
    "gone": (None, "it is not there"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_table_that_is_not_as_it_was_written_is_told_first(make_run, damage):
    folder, (change, said) = make_run(healthy_stage_one()), DAMAGES[damage]
    path = folder / "epochs.csv"
    path.unlink() if change is None else path.write_text(change(path.read_text()))
    found = examine(folder)
    assert (
        found.findings[0].rule == "table" and found.findings[0].level == "doubtful" and said in found.findings[0].seen
    )
    assert {one.rule for one in found.findings} == {"table"}  # a table that ends early is no training that did


@pytest.mark.parametrize(
    "change",
    [lambda text: "\ufeff" + text, lambda text: text.replace(",", ", "), lambda text: text.replace("\n", "\r\n")],
)
def test_what_an_editor_does_to_a_table_changes_nothing(make_run, change):
    folder = make_run(healthy_stage_one())
    before = examine(folder)
    (folder / "epochs.csv").write_bytes(change((folder / "epochs.csv").read_text()).encode())
    assert tell(examine(folder)) == tell(before)


def test_settings_that_are_no_numbers_are_not_known(make_run):
    settings = {name: "?" for name in SETTINGS} | {"batch_size": 0, "embedding_model.channels": 3}
    assert rules(make_run(healthy_stage_one(), settings)) == []


def test_labels_and_iterations_that_cannot_be_used_are_named(make_run):
    folder = make_run({"iteration_1": healthy_stage_two()}, ITERATIONS)
    (folder / "iteration_1/labels.csv").write_text("ID,cluster,distance\nanother,0,0.1\n")
    (folder / "log.txt").write_text("no line of a log\n")
    found = tell(examine(folder))
    for name in ("iterations.csv", "log.txt", "iteration_1/labels.csv"):
        assert name in found.rpartition("not looked at: ")[2]
