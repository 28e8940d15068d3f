"""The demo corpus: synthetic speakers in several sessions, each with its own channel, in VoxCeleb's layout.

The difficulty is the field's: a speaker sounds different in the next session, and two speakers alike in one channel.
Made once and kept with a hash, since eSpeak's waves are not the same bit for bit in two runs: compared runs share one
copy.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.demo.channel import apply_channel, draw_channel
from speechbrain_cadino.demo.checks import check_kinds
from speechbrain_cadino.demo.description import (
    DESCRIPTION,
    MADE,
    folder_hash,
    foreign_to_corpus,
    hold_corpus,
    read_description,
)
from speechbrain_cadino.demo.sizes import sizes_of
from speechbrain_cadino.demo.synthesiser import open_synthesiser, say_for
from speechbrain_cadino.demo.trials import trial_lines
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_folder
from speechbrain_cadino.utils.progress import progress_bar

TAIL = 0.8


def make_demo_corpus(
    folder: str | Path,
    n_speakers: int = 100,
    n_test_speakers: int = 40,
    sessions: int = 3,
    utterances: int = 3,
    test_utterances: int = 2,
    test_sessions: int | None = None,
    seconds: float = 4.5,
    channel_strength: float = 1.0,
    impostors_per_target: int = 3,
    tail: float = TAIL,
    synthesiser: str = "auto",
    seed: int = 0,
) -> Path:
    """Make the demo corpus, unless it lies there already with the same settings.

    Arguments
    ---------
    folder : str or Path
        Holds ``wav/<speaker>/<session>/<utterance>.wav`` (16 kHz, 16 bits), ``train_files.txt`` (relative to ``wav``),
        ``trials.txt`` (`label enrol test`, on speakers of its own; targets always from two sessions, impostors of one
        sex) and ``corpus.json`` (settings, generator, SHA-256 over the audio).
    n_speakers, n_test_speakers : int
        Speakers for training and, others, for the trials (at least 2).
    sessions, utterances : int
        Sessions of a training speaker, utterances of a session. They are means, unless ``tail`` is 0.
    test_sessions, test_utterances : int
        The same of the trials' speakers, who need 2 sessions at least. ``test_sessions`` None: as ``sessions``, or 2.
    seconds : float
        Length of an utterance, about.
    channel_strength : float
        How much the channels of two sessions differ; see `draw_channel`.
    impostors_per_target : int
        Impostor trials for each target trial, as far as there are pairs.
    tail : float
        How uneven the training speakers are, 0 for equal: see `draw_sizes`.
    synthesiser : str
        ``espeak``, ``source_filter``, or ``auto``: espeak where it loads.
    seed : int
        Of the random generators.

    Returns
    -------
    Path
        ``folder``.

    Raises
    ------
    UserError
        If a setting is no good, the synthesiser does not load, the folder holds something else, or its audio is no
        longer what was made.
    """
    settings = {name: value for name, value in locals().items() if name != "folder"}
    check_settings(settings)
    if test_sessions is None:
        settings["test_sessions"] = max(2, sessions)
    generator = open_synthesiser(synthesiser)
    settings["synthesiser"] = generator.name
    folder = Path(folder)
    place = folder.resolve()
    with hold_corpus(place):
        if not _is_made(place, settings):
            _make(place, generator, settings)
    return folder


def _make(folder, generator, settings):
    speakers = _draw_speakers(generator, settings)
    with atomic_folder(folder, MADE.fullmatch) as partial:  # a half-made corpus is never taken for one
        files = _synthesise(partial / "wav", generator, speakers, settings)
        train = [name for name in files if name.startswith("train")]
        (partial / "train_files.txt").write_text("".join(f"{name}\n" for name in train))
        (partial / "trials.txt").write_text("".join(trial_lines(files[len(train) :], speakers, settings)))
        description = dict(settings=settings, sha256=folder_hash(partial / "wav"))
        (partial / DESCRIPTION).write_text(json.dumps(description, indent=1))


def check_settings(settings: dict) -> None:
    """Raise a `UserError` if settings of `make_demo_corpus`, given by name, are none or make no sense."""
    check_kinds(settings, make_demo_corpus, "The demo corpus")
    least = dict(n_speakers=1, n_test_speakers=2, sessions=1, utterances=1, impostors_per_target=1)
    least.update(test_sessions=2, test_utterances=1, seed=0)
    for name, value in least.items():
        if settings.get(name) is not None and settings[name] < value:
            raise UserError(f"The demo corpus has {name} {settings[name]}: give at least {value}.")
    if settings.get("seconds", 1) <= 0 or min(settings.get(name, 0) for name in ("channel_strength", "tail")) < 0:
        raise UserError("The demo corpus needs seconds above 0, channel_strength and tail of 0 or more: correct them.")


def _is_made(folder, settings):
    """Is this corpus there? An older one of other settings may be replaced if it is as it was made, nothing else."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        description = read_description(folder)
        made, sha256 = description["settings"], description["sha256"]
        check_settings(made)
        if made.keys() != settings.keys():
            raise ValueError("it lacks some settings")
    except (AttributeError, ValueError, LookupError, TypeError, UserError) as error:
        raise UserError(f"{folder} holds something that is not a demo corpus: choose another folder for it.") from error
    same = made == settings
    foreign = [] if same else foreign_to_corpus(folder, made)
    if foreign:
        raise UserError(
            f"{folder} holds a demo corpus of other settings, and {foreign[0]}, which was not made with it: move that "
            "away, or choose another folder for the corpus."
        )
    if sha256 != folder_hash(folder / "wav"):
        raise UserError(f"The audio in {folder} has changed since it was made: remove the folder to have it made anew.")
    return same


def speakers_of(settings: dict) -> dict[str, Any]:
    """The speakers of a corpus by name, in order, from its settings; `UserError` if its synthesiser is not there."""
    return _draw_speakers(open_synthesiser(settings["synthesiser"].split()[0].removesuffix("-ng")), settings)


def _draw_speakers(generator, settings):
    """Name -> speaker; those of the trials come last and are called test."""
    return {
        name: generator.draw_speaker(np.random.default_rng([settings["seed"], 0, index]), index)
        for index, name in enumerate(sizes_of(settings))
    }


def _synthesise(folder, generator, speakers, settings):
    """Write all utterances; returns their names, relative to ``folder``."""
    plan = [
        (index, name, session, count)
        for index, (name, counts) in enumerate(sizes_of(settings).items())
        for session, count in enumerate(counts)
    ]
    files = []
    for index, name, session, count in progress_bar(plan, "demo corpus", len(plan), "sessions"):
        rng = np.random.default_rng([settings["seed"], 1, index, session])
        channel = draw_channel(rng, settings["channel_strength"])
        (folder / name / f"s{session}").mkdir(parents=True)
        for number in range(count):
            wave = say_for(generator, speakers[name], settings["seconds"] * rng.uniform(0.9, 1.1), rng)
            files.append(f"{name}/s{session}/{number:03d}.wav")
            soundfile.write(folder / files[-1], apply_channel(wave, channel, rng), SAMPLE_RATE, subtype="PCM_16")
    return files
