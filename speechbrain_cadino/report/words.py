"""What a report says in sentences: how a run stands, and what to do next."""

from __future__ import annotations

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
    if word == LEARNED and stage == STAGES["dino"]:
        found.append(f"Go on with clusters: train.py hparams/ca_dino.yaml --start_from {run.folder.resolve()}.")
    if word == LEARNED and stage != STAGES["labels"]:
        found.append(f"Go on with stage II: train.py hparams/dlg_lc.yaml --init {encoder}.")
    if "trial_labels" not in last.arrays and last.last("EER %") is None:
        found.append(
            "No trials were scored. Without labels nothing sees whether two recordings of one speaker are near each "
            "other: a list of some hundred trials in development_trials would tell."
        )
    found.append(f"Measure it on trials of yours: verify.py --encoder {encoder} --trials LIST --data_folder FOLDER.")
    return found
