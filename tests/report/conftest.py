"""Folders as runs leave them, written by hand."""

import json
import math

import numpy as np
import pytest

from speechbrain_cadino.training.history import History

EPOCHS, K = 6, 64
LEARNED = (
    "Did it learn? LEARNED: 200 utterances; half_rank 0.950, untrained 0.800: a gain of 0.1 to 0.2 (95 %).\n"
    "The encoder to keep has half_rank 0.950."
)


def dino_rows(epochs=EPOCHS, clusters=False):
    rows = [{"epoch": 0, "half_rank": 0.8, "half_retrieval": 0.1, "EER %": 34.0}]
    for epoch in range(1, epochs + 1):
        loss = math.log(K) * (1 - 0.1 * epoch)
        row = {"epoch": epoch, "loss": loss, "dino_loss": loss, "lr": 0.001 / epoch, "max_entropy": math.log(K)}
        row |= {"entropy_of_mean": 4.0, "mean_entropy": 4.0 - 0.3 * epoch, "embedding_spread": 0.98, "seconds": 10.0}
        if clusters and epoch >= 3:
            row |= {"clusters": 20, "singletons": 2, "largest": 30, "wrong_labels": 0.1, "ami_speakers": 0.9}
        rows.append(row)
    rows[-1] |= {"half_rank": 0.95, "half_retrieval": 0.4, "EER %": 9.0}
    return rows


def label_rows(prefixes=("",), epochs=EPOCHS):
    rows = [{"epoch": 0, "half_rank": 0.8}]
    for epoch in range(1, epochs + 1):
        row = {"epoch": epoch, "loss": 3 / epoch, "lr": 0.01, "seconds": 5.0}
        for prefix in prefixes:
            row |= {f"{prefix}label_loss": 3 / epoch, f"{prefix}kept_loss": 2 / epoch}
            row |= {f"{prefix}gate_threshold": math.inf if epoch < 4 else 1.5, f"{prefix}fraction_kept": 0.8}
            row |= {f"{prefix}gate_precision": 0.6, f"{prefix}gate_recall": 0.7, f"{prefix}fraction_corrected": 0.1}
        rows.append(row)
    rows[-1] |= {"half_rank": 0.95, "EER %": 6.0}
    return rows


def write_rows(path, rows):
    history = History()
    history.rows = rows
    history.write_csv(path)


def write_encoder(folder, **more):
    (folder / "encoder").mkdir()
    info = {"verdict": "learned", "did it learn": LEARNED, "utterances": 200, "epochs": EPOCHS}
    info |= {"half_rank": {"exported_half_rank": 0.95}, "development list": {"EER %": 8.5}}
    content = {"threshold": 0.4, "threshold_from": "somewhere", "info": info, **more}
    (folder / "encoder" / "encoder.json").write_text(json.dumps(content))


def write_arrays(folder, n=300, clusters=8):
    rng = np.random.default_rng(0)
    labels = rng.random(n) < 0.3
    odds = rng.normal(np.where(labels, 2, -2), 2)
    centers = rng.normal(size=(clusters, 16)) * 3
    of = rng.integers(0, clusters, 120)
    np.savez_compressed(
        folder / "report.npz", trial_scores=(odds / 10).astype(np.float32), trial_labels=labels,
        trial_log_odds=odds.astype(np.float32), pair_scores=odds.astype(np.float32), pair_labels=labels,
        pair_log_odds=odds.astype(np.float32), map_embeddings=(centers[of] + rng.normal(size=(120, 16))).astype("f2"),
        map_ids=np.array([f"utterance{i}" for i in range(120)]), map_clusters=of - (of == clusters - 1) * clusters,
    )  # fmt: skip


def write_losses(folder, prefixes=("",), epochs=EPOCHS, known=True):
    (folder / "losses").mkdir()
    for prefix in prefixes:
        for epoch in range(1, epochs + 1):
            counts = {"right": [0, 5, 9, 4, 1], "wrong": [0, 0, 1, 3, 6]} if known else {"all": [0, 5, 10, 7, 7]}
            content = {"low": -4.0, "high": 2.0, "counts": counts, "mixture": [[0.6, 0.4], [-1, 1], [0.5, 0.5]]}
            content |= {"threshold": 1.5 if epoch > 3 else None, "reason": "two <Gaussians> cross", "left_out": 0}
            (folder / "losses" / f"{prefix}epoch{epoch:04d}.json").write_text(json.dumps(content))


def write_record(folder, finished=True, **settings):
    resolved = {"number_of_epochs": EPOCHS, "retrieval_utterances": 100, "lr": 0.001, **settings}
    record = {"version": "0.2.0", "settings": {"written": resolved, "resolved": resolved}}
    record |= {"finished": {"asked": [], "encoders": []}} if finished else {}
    (folder / "run.json").write_text(json.dumps(record))
    given = {"file": "hparams/dino.yaml", "options": {"lr": "0.001", "preload": None}, "auto": ["number_of_epochs"]}
    (folder / "hyperparams.yaml").write_text(f"# options: {json.dumps(given)}\nlr: 0.001\n")


LOG = """2026-11-27 20:00:00,000 - speechbrain.core - INFO - Beginning experiment!
2026-11-27 20:00:10,000 - speechbrain.utils.epoch_loop - INFO - Going into epoch 1
2026-11-27 20:00:40,500 - a.train_logger - INFO - epoch: 1 of 2, lr: 1 - train loss: 3, train seconds: 30
a line without a time
2026-11-27 20:00:41,000 - speechbrain_cadino.training.checkpoints - INFO - Saved the checkpoint x
2026-11-27 23:00:00,000 - speechbrain.core - INFO - Beginning experiment!
2026-11-27 23:00:05,000 - speechbrain.utils.epoch_loop - INFO - Going into epoch 2
2026-11-27 23:00:45,000 - a.train_logger - INFO - epoch: 2 of 2, lr: 1 - train loss: 2, train seconds: 30
2026-11-27 23:01:00,000 - speechbrain_cadino.training.decision - INFO - Clusters of 9 training utterances
2026-11-27 23:01:04,000 - speechbrain_cadino.training.telling - INFO - something
"""


def write_dino(folder, clusters=False):
    folder.mkdir()
    write_rows(folder / "epochs.csv", dino_rows(clusters=clusters))
    write_record(folder)
    write_encoder(folder)
    write_arrays(folder)
    (folder / "log.txt").write_text(LOG)
    return folder


def write_iterations(folder, prefixes=("", "face_")):
    folder.mkdir()
    write_record(folder, n_iterations=2, margin=0.2, margin_warmup_epochs=3)
    rows = []
    for number in (1, 2):
        part = folder / f"iteration_{number}"
        part.mkdir()
        write_rows(part / "epochs.csv", label_rows(prefixes))
        write_encoder(part)
        write_arrays(part)
        write_losses(part, prefixes)
        row = {"iteration": number, "step": "DLG-LC", "clusters": 12, "EER %": 7.0 - number, "half_rank": 0.9}
        row |= {"together_EER %": 5.0, "face_EER %": 20.0, "keep": f"keep the encoder of iteration {number} (there)"}
        row |= {"ami_speakers": 0.8, "exported_half_rank": 0.95, "wrong_labels": 0.2}
        rows.append(row | ({"ami_previous": 0.9} if number > 1 else {}))
    write_rows(folder / "iterations.csv", rows)
    (folder / "log.txt").write_text(LOG)
    return folder


@pytest.fixture
def dino(tmp_path):
    """A finished run of stage I."""
    return write_dino(tmp_path / "dino")


@pytest.fixture
def iterated(tmp_path):
    """A finished run of stage II with two modalities and two iterations."""
    return write_iterations(tmp_path / "dlg_lc")
