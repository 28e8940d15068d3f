"""What a log says, line by line, whatever else stands in it."""

from speechbrain_cadino.doctor.log import LogFacts, log_facts, read_log

HEAD = "2026-11-27 06:57:21,598 - "
REMARK = "speechbrain_cadino.training.remarks - WARNING - "


def facts(*messages):
    return log_facts(f"{HEAD}{message}\n" for message in messages)


def test_no_log_is_no_facts(tmp_path):
    assert read_log(tmp_path / "log.txt") == LogFacts()


def test_what_is_no_line_of_a_log_is_passed_over(tmp_path):
    (tmp_path / "log.txt").write_bytes(b"numpy==2.4.6\n\xff\xfe\n\n" + f"{HEAD}a.b - INFO - c".encode())
    assert read_log(tmp_path / "log.txt") == LogFacts(last="2026-11-27 06:57:21")


def test_starts_and_the_last_end():
    start = "speechbrain.core - INFO - Beginning experiment!"
    end = "speechbrain_cadino.utils.errors - ERROR - "
    found = facts(start, f"{end}stopped at step 3 of epoch 2, saved", start, f"{end}error: The memory is full: do.")
    assert found.starts == 2 and found.end == "The memory is full: do."
    assert facts(start, f"{end}error: a", start).end == ""  # it was started again, and has not ended


def test_steps_items_and_remarks():
    found = facts(
        "speechbrain_cadino.training.finite - WARNING - Step 31 is not made, 1 so far in this epoch: the loss or",
        "speechbrain_cadino.training.finite - WARNING - Step 32 is not made, 2 so far in this epoch: the loss or",
        "speechbrain_cadino.views.loader - WARNING - Epoch 2: 3 of 90 items could not be read and were replaced; the "
        "first: a.wav is empty: leave it out.",
        f"{REMARK}No view is augmented: views differ by the crop alone.",
        f"{REMARK}No view is augmented: views differ by the crop alone.",
        f"{REMARK}Look at this before you use the encoder: No view is augmented: views differ by the crop alone.",
        "matplotlib.font_manager - DEBUG - Step 4 is not made",
    )
    assert found.skipped == 2 and found.unreadable == [(2, 3, 90, "a.wav is empty: leave it out.")]
    assert found.remarks == ["No view is augmented: views differ by the crop alone."]


def test_the_gates_of_each_training():
    gate = "speechbrain_cadino.dlg_lc.brain - INFO - The gate after epoch "
    found = facts(
        f"{gate}1: open", f"{gate}2: closed", f"{gate}2: closed again", f"{gate}1: open", f"{gate}2: one mode"
    )
    assert found.gates == [{1: "open", 2: "closed again"}, {1: "open", 2: "one mode"}]
