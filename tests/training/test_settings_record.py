"""Settings as plain values: what differs is found where it was written, and not where it only follows."""

import pytest
from speechbrain.utils.run_opts import RunOptions

from speechbrain_cadino.training.allowed import FREE, refusal
from speechbrain_cadino.training.settings_record import record_settings

TEXT = """\
lr: 0.1
number_of_epochs: 5
keep_checkpoints: 3
shape: [1, 2]
__set_seed: !apply:random.seed [1]
schedule: !new:collections.Counter
    peak: !ref <lr>
    both: !ref <lr> * 2
parts: {one: !ref <schedule>, none: null}
"""


def changed(old, new):
    assert old in TEXT
    return record_settings(TEXT.replace(old, new))


def test_references_are_kept_and_resolved():
    record = record_settings(TEXT)
    assert (
        record.written["schedule"] == "!new:collections.Counter" and record.written["schedule.both"] == "!ref <lr> * 2"
    )
    assert record.resolved["schedule.both"] == 0.2 and record.resolved["parts.one"] == "*schedule"
    assert record.written["shape"] == [1, 2] and record.written["parts.none"] is None
    assert record.users_of("lr") == ["schedule.peak", "schedule.both"]


@pytest.mark.parametrize(
    "old, new, names",
    [
        ("lr: 0.1", "lr: 0.2", ["lr"]),
        ("lr: 0.1", "lr: 1.0e-1  # the same", []),
        ("peak: !ref <lr>", "peak: 0.1", []),
        ("peak: !ref <lr>", "peak: 0.3", ["schedule.peak"]),
        ("shape: [1, 2]", "shape: [1, 3]", ["shape"]),
        ("shape: [1, 2]", "shape: (1, 2)", ["shape"]),
        ("none: null", "none: 0", ["parts.none"]),
        ("none: null", "none: null, more: 1", ["parts.more"]),
        ("collections.Counter", "collections.OrderedDict", ["schedule"]),
        ("[1]\n", "[2]\n", ["__set_seed"]),
    ],
)
def test_differences(old, new, names):
    one, other = record_settings(TEXT), changed(old, new)
    assert one.differences(other) == names and other.differences(one) == names


def test_what_is_included_counts(tmp_path):
    included, records = tmp_path / "more.yaml", []
    for text in ("a: 1\nb: 2\n", "a: 1\nb: 3\n"):
        included.write_text(text)
        records.append(record_settings(f"lr: 0.1\nmore: !include:{included}\n"))
    assert records[0].differences(records[0]) == [] and records[0].differences(records[1]) == ["more.b"]


def test_run_options_stand_for_settings():
    options = RunOptions.from_dictionary({"precision": "bf16", "device": "cpu", "ckpt_interval_steps": 7})
    one = record_settings("precision: fp32\nckpt_interval_minutes: 5", options)
    assert one.get("precision") == "bf16" and one.get("nonfinite_patience") == 3
    assert not {"device", "ckpt_interval_steps", "ckpt_interval_minutes"} & set(one.written)
    assert record_settings("precision: bf16", RunOptions.from_dictionary({})).differences(one) == []


def test_what_may_only_be_raised(tmp_path):
    was, more, less = record_settings(TEXT), changed("keep_checkpoints: 3", "keep_checkpoints: 4"), None
    assert refusal("keep_checkpoints", was, more, tmp_path) is None
    assert "only be raised" in refusal("keep_checkpoints", more, was, tmp_path)
    less = changed("number_of_epochs: 5", "number_of_epochs: 4")
    assert refusal("number_of_epochs", less, was, tmp_path) is None
    assert "only be raised" in refusal("number_of_epochs", was, less, tmp_path)
    assert refusal("lr", was, changed("lr: 0.1", "lr: 0.2"), tmp_path) == ""
    assert all(len(reason) > 10 for reason in FREE.values())


@pytest.mark.parametrize("part", ["encoder", "iteration_1/encoder", "large_margin/encoder"])
def test_the_threshold_may_be_another_until_an_encoder_has_one(part, tmp_path):
    one, other = (record_settings(f"false_acceptance: {rate}") for rate in (0.01, 0.05))
    (tmp_path / "save").mkdir()
    assert refusal("false_acceptance", one, other, tmp_path) is None
    (tmp_path / part).mkdir(parents=True)
    assert "verify_files takes another" in refusal("false_acceptance", one, other, tmp_path)


def test_the_last_training_counts_from_its_beginning(tmp_path):
    one, other = (record_settings(f"large_margin: {{lr: {lr}}}\nn_iterations: {n}") for lr, n in ((0.1, 2), (0.2, 3)))
    assert one.differences(other) == ["n_iterations", "large_margin.lr"]
    assert refusal("large_margin.lr", one, other, tmp_path) is refusal("n_iterations", one, other, tmp_path) is None
    (tmp_path / "large_margin").mkdir()
    assert "has begun" in refusal("large_margin.lr", one, other, tmp_path)
    assert "has begun" in refusal("n_iterations", one, other, tmp_path)
