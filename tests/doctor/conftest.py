"""Folders of runs, written as training writes them."""

import json
import math

import numpy as np
import pytest

from speechbrain_cadino.corpus.manifest import Manifest, write_manifest
from speechbrain_cadino.training.history import History
from speechbrain_cadino.training.utterances import Utterances

N, EPOCHS, LN_K = 200, 20, math.log(1024)
SETTINGS = {
    "number_of_epochs": EPOCHS, "batch_size": 32, "lr": 0.001, "n_prototypes": 1024, "retrieval_utterances": 200,
    "collapse_watch.warmup_epochs": 2, "demo_folder": "demo", "embedding_model.channels": [64, 64, 64, 64, 192],
    "loader_options.num_workers": 0, "preload": True,
}  # fmt: skip


def healthy_stage_one(epochs=EPOCHS, of=EPOCHS):
    """Rows as of a healthy run on a demo corpus."""
    rows = [{"epoch": 0, "half_retrieval": 0.1, "half_rank": 0.83}]
    for epoch in range(1, epochs + 1):
        done = epoch / of
        row = {
            "epoch": epoch, "loss": LN_K * (1 - 0.76 * done), "lr": 0.001 * min(1, epoch / 2, 1.01 - done),
            "dino_loss": LN_K * (1 - 0.76 * done**0.5), "entropy_of_mean": 4.0, "mean_entropy": 4.0 - 2.7 * done**0.5,
            "entropy_gap": 2.7 * done**0.5, "max_entropy": LN_K, "embedding_spread": 0.99, "seconds": 10.0,
            "seconds_waiting": 0.5,
        }  # fmt: skip
        if epoch % 5 == 0:
            row |= {"half_rank": 0.94 + 0.018 * done, "EER %": 12.5 - 3 * done}
        rows.append(row)
    return rows


def healthy_stage_two(epochs=EPOCHS):
    """The same of an iteration on labels of which few are wrong, the gate open."""
    rows = [{"epoch": 0, "half_rank": 0.84}]
    for epoch in range(1, epochs + 1):
        loss = 5 * math.exp(-epoch / 6)
        row = {
            "epoch": epoch, "loss": loss, "lr": 0.002 * (1.01 - epoch / EPOCHS), "gate_threshold": math.inf,
            "label_loss": loss, "kept_loss": loss, "fraction_kept": 1.0, "fraction_wrong": 0.1, "seconds": 5.0,
        }  # fmt: skip
        if epoch % 5 == 0:
            row |= {"half_rank": 0.99 - 0.1 / epoch, "EER %": 8 - epoch / 10}
        rows.append(row)
    return rows


def write_rows(path, rows):
    history = History()
    history.rows = rows
    path.parent.mkdir(parents=True, exist_ok=True)
    history.write_csv(path)


def write_log(folder, *lines):
    text = "".join(f"2026-01-01 10:00:0{n % 10},000 - {line}\n" for n, line in enumerate(lines))
    (folder / "log.txt").write_text(text)


@pytest.fixture
def make_run(tmp_path):
    """A function that writes a run: its rows, or by part; settings; whether it is finished, and its verdict."""

    def make(rows, settings=SETTINGS, finished=True, verdict="Did it learn? LEARNED: well.", sessions=None, **files):
        folder = tmp_path / "run"
        parts = rows if isinstance(rows, dict) else {"": rows}
        ids = [f"spk{n % 20:02}/s{n % 40:02}/{n:03}.wav" for n in range(N)]
        manifest = Manifest(
            ids, ids, np.zeros(N), np.full(N, 64000), [one[:5] for one in ids], [one[:9] for one in ids]
        )
        (folder / "corpus").mkdir(parents=True)
        write_manifest(manifest, folder / "corpus/train.csv")
        Utterances.of(manifest, whole=False).save(folder / "utterances.npz")
        record = {"version": "0.2.0", "ranks": 1, "sources": {}, "trials": {}, "utterances": "0", "id": "1"}
        record |= {"settings": {"written": dict(settings), "resolved": dict(settings)}}
        record |= {"finished": {"asked": [], "encoders": ["."]}} if finished else {}
        (folder / "run.json").write_text(json.dumps(record))
        for name, part in parts.items():
            write_rows(folder / name / "epochs.csv", part)
            if finished:
                (folder / name / "encoder").mkdir()
                info = {"info": {"did it learn": verdict, "verdict": "learned"}, "threshold": None}
                (folder / name / "encoder/encoder.json").write_text(json.dumps(info))
        write_log(folder, "speechbrain.core - INFO - Beginning experiment!")
        return folder

    return make
