"""The training step's benchmark at tiny sizes: both variants compute the same, the table says what was measured."""

import math

import pytest
import steps
import torch
import train_step

from speechbrain_cadino.utils.errors import UserError

TINY = "--threads 1 --batch 3 --channels 16 --last_channels 24 --attention 8 --squeeze 8 --embedding 12 --hidden 16"
TINY = f"{TINY} --prototypes 20 --mels 20 --global_seconds 0.5 --local_seconds 0.3".split()


@pytest.fixture(scope="module")
def tiny():
    options = train_step.parse(TINY)
    return options, train_step.sizes_of(options)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return train_step.make_corpus(tmp_path_factory.mktemp("corpus"), 6)


def test_both_variants_learn_alike(tiny, manifest):
    options, sizes = tiny
    (plain, package), _ = train_step.check(sizes, manifest, options, n_steps=4)
    assert package == pytest.approx(plain, abs=1e-4)
    # The losses tell the variants apart: they are neither those of uniform answers nor of weights that stay.
    assert min(abs(loss - math.log(sizes.prototypes)) for loss in plain) > 1e-3
    assert min(abs(a - b) for a, b in zip(plain, plain[1:])) > 1e-3


@pytest.mark.parametrize("what", ["crops", "gradients", "EMA"])
def test_a_variant_that_computes_something_else_is_refused(what, monkeypatch, threads_for_processes):
    if what == "crops":
        monkeypatch.setattr(steps, "augment_crop", lambda crop, draws: crop)
    elif what == "EMA":
        monkeypatch.setattr(steps, "EMA_MOMENTUM", 0.5)
        monkeypatch.setattr(steps.Constant, "value", lambda self, *step: 0.996 if self.level == 0.5 else self.level)
    else:
        right = steps.PlainStep.pairwise_loss

        def halved(self, student_logits, teacher_logits):
            loss = right(self, student_logits, teacher_logits) / 2
            return loss + loss.detach()

        monkeypatch.setattr(steps.PlainStep, "pairwise_loss", halved)
    with pytest.raises(UserError, match="losses differ"):
        train_step.main(TINY)


def test_the_table_says_what_was_measured(monkeypatch, threads_for_processes, capsys):
    fitted = dict.fromkeys(train_step.VARIANTS, 0)
    for name, variant in train_step.VARIANTS.items():

        def counted(self, batch, name=name, fit=variant.fit):
            fitted[name] += 1
            return fit(self, batch)

        monkeypatch.setattr(variant, "fit", counted)
    threads = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    rows = train_step.main([*TINY, "--threads", "2", "--repeats", "3"])
    assert threads == [2] * 5  # the check's process, and two for each comparison
    # One step is counted, two are checked; each comparison has its warm-up.
    assert set(fitted.values()) == {3 + 2 * (train_step.WARMUP_STEPS + 3)}
    assert [(row["comparison"], row["variant"]) for row in rows] == [
        ("compute", "reference"), ("compute", "package"), ("end to end", "reference"), ("end to end", "package")
    ]  # fmt: skip
    for reference, package in (rows[:2], rows[2:]):
        assert reference["ratio"] == 1 and package["ratio"] == reference["s/step"] / package["s/step"]
        assert package["GFLOP"] < reference["GFLOP"]
    assert all(row["utterances/s"] * row["s/step"] == pytest.approx(3) for row in rows)
    printed = capsys.readouterr().out
    assert "2 threads, 3 steps each" in printed and printed.count("| end to end") == 2


def test_operations_are_those_of_the_layers(tiny, manifest):
    options, sizes = tiny
    reference = steps.PlainStep(sizes)
    batch = next(reference.batches(train_step.make_dataset(manifest, sizes, augmented=True)))
    found = train_step.count_costs(reference, batch)["flop"]

    c, last, mels = sizes.channels, sizes.last_channels, sizes.mels
    first = 5 * mels * c
    blocks = 3 * (2 * c * c + 7 * 3 * (c // 8) ** 2)
    per_frame = first + blocks + 3 * c * last + 3 * last * sizes.attention + sizes.attention * last
    per_crop = 3 * 2 * c * sizes.squeeze + 2 * last * sizes.embedding
    per_crop += sizes.embedding * sizes.hidden + sizes.hidden**2 + sizes.hidden * 256 + 256 * sizes.prototypes
    forward, backward, frames_of = {}, {}, {0.5: 51, 0.3: 31}
    for seconds, frames in frames_of.items():
        forward[seconds] = frames * (per_frame + 201 * mels) + per_crop
        # Two products for each of forward's, but none for the gradient of features.
        backward[seconds] = 2 * (frames * per_frame + per_crop) - frames * first
    student = sum(n * (forward[seconds] + backward[seconds]) for n, seconds in ((2, 0.5), (4, 0.3)))
    assert found == 2 * sizes.batch * (student + 2 * forward[0.5])


def test_what_is_kept_for_backward():
    class Step:
        student = torch.nn.Linear(3, 4)

        def fit(self, batch):
            hidden = self.student(batch.requires_grad_())  # keeps the batch; the weights are not counted
            (hidden * hidden).sum().backward()  # keeps hidden, once

    costs = train_step.count_costs(Step(), torch.zeros(5, 3))
    assert costs == {"flop": 3 * 2 * 5 * 3 * 4, "kept": 4 * (5 * 3 + 5 * 4)}


@pytest.mark.parametrize("option", ["--threads 0", "--repeats 0", "--batch 1"])
def test_options_that_make_no_sense(option):
    with pytest.raises(UserError, match=f"{option.split()[0]} is"):
        train_step.parse(option.split())


def test_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="no GPU"):
        train_step.parse(["--device", "cuda"])
