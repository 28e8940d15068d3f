"""What a report says in sentences: how a run stands, and what to do next."""

from __future__ import annotations

import math
from pathlib import PurePath
from typing import NamedTuple

from speechbrain_cadino.report.run import Run, Training
from speechbrain_cadino.training.verdict import CANNOT_TELL, LEARNED, NOT_LEARNED

ADVICE = "What to change: "
STAGES = {"dino": "DINO (stage I)", "ca": "CA-DINO (stage I, with clusters)", "labels": "DLG-LC (stage II, on labels)"}


class Standing(NamedTuple):
    """How a run stands: a few words, a tone (``good``, ``bad`` or ``open``), sentences, and what to do next."""

    word: str
    tone: str
    sentences: list
    advice: list


def stage_of(training: Training | None) -> str:
    """Which stage a training is of, in words; '' if it has left no epoch."""
    if training is None or not training.rows:
        return ""
    if training.is_labelled():
        return STAGES["labels"]
    return STAGES["ca" if any("clusters" in row for row in training.rows) else "dino"]


def standing(run: Run) -> Standing:
    """How a run stands, and what to do next.

    Arguments
    ---------
    run : Run

    Returns
    -------
    Standing
    """
    ended = [training for training in run.trainings if training.info]
    last = ended[-1] if ended else None
    lines = str(last.info.get("did it learn", "")).splitlines() if last else []
    word = str(last.info.get("verdict") or "") if last else ""
    sentences = []
    for line in lines:
        head = f"Did it learn? {word.upper()}: "
        if line.startswith(head):
            sentences += line.removeprefix(head).split("; ")
        elif not line.startswith(ADVICE):
            sentences.append(line)
    advice = [line.removeprefix(ADVICE) for line in lines if line.startswith(ADVICE)]
    if not run.is_finished:
        return Standing("NOT FINISHED", "open", [progress(run), *sentences], ["Unless it is at work, give the same "
                        "command again: it goes on where it was stopped.", *advice])  # fmt: skip
    tone = {LEARNED: "good", NOT_LEARNED: "bad", CANNOT_TELL: "open"}.get(word, "open")
    advice = [f"Change: {each}" for each in advice] + _next(run, last, word)
    return Standing(word.upper() or "FINISHED", tone, sentences, advice)


def next_files(file: object) -> tuple[str, str]:
    """The settings files of CA-DINO and of stage II that go with one of stage I; of an unknown one the published ones.

    Example
    -------
    >>> next_files("hparams/small.yaml")
    ('hparams/ca_small.yaml', 'hparams/dlg_lc_small.yaml')
    """
    path = PurePath(file if isinstance(file, str) else "")
    kind = path.stem.removeprefix("ca_")
    if kind not in ("small", "calls", "dino"):
        path, kind = PurePath("hparams/dino.yaml"), "dino"
    labels = "dlg_lc.yaml" if kind == "dino" else f"dlg_lc_{kind}.yaml"
    return path.with_name(f"ca_{kind}.yaml").as_posix(), path.with_name(labels).as_posix()


def progress(run: Run) -> str:
    """How far a run is that has not ended."""
    training = run.trainings[-1] if run.trainings else Training(run.folder)
    epochs = [row["epoch"] for row in training.rows if isinstance(row.get("epoch"), int)]
    asked, iterations = run.number("number_of_epochs"), run.number("n_iterations")
    text = f"Done: {max(epochs, default=0)} epochs" + (f" of {asked:g}" if asked else "")
    if training.name:
        text += f" in {training.name}" + (f" of {iterations:g}" if iterations and "iter" in training.name else "")
    return f"{text}."


def _next(run, last, word):
    """What comes after a run that has ended."""
    if last is None:
        return []
    encoder = last.folder.resolve() / "encoder"
    keep = [row["keep"] for row in run.iterations if isinstance(row.get("keep"), str)]
    found = [f"{keep[-1][0].upper()}{keep[-1][1:]}." for _ in keep[-1:]]
    stage = stage_of(last)
    with_clusters, on_labels = next_files((run.options or {}).get("file"))
    same = "with the data and settings that this run was given"
    epochs = run.number("number_of_epochs")
    if word == LEARNED and stage == STAGES["dino"] and epochs:
        more = f"--start_from {run.folder.resolve()} --number_of_epochs {math.ceil(1.5 * epochs)}"
        found.append(f"Go on with clusters, half as long again: train.py {with_clusters} {more}, {same}.")
    if word == LEARNED and stage != STAGES["labels"]:
        found.append(f"Go on with stage II: train.py {on_labels} --init {encoder}, {same}.")
    if "trial_labels" not in last.arrays and last.last("EER %") is None:
        found.append(
            "No trials were scored. Without labels nothing sees whether two recordings of one speaker are near each "
            "other: a list of some hundred trials in development_trials would tell."
        )
    found.append(f"Measure it on trials of yours: verify.py --encoder {encoder} --trials LIST --data_folder FOLDER.")
    return found
