"""What is known of an encoder folder: from its JSON and the record of the run that it lies in, without a path."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from speechbrain_cadino.encoder.folder import ONNX_FILE, ONNX_INT8_FILE
from speechbrain_cadino.encoder.load import read_metadata
from speechbrain_cadino.encoder.rebuild import check_whole
from speechbrain_cadino.encoder.safe import WEIGHTS
from speechbrain_cadino.utils.places import ENCODER, FACE_ENCODER, RECORD
from speechbrain_cadino.utils.settings.kinds import LICENCE

UNKNOWN = "unknown"
# Settings that bring in what is no speech without labels, and what a card says of each.
OUTSIDE = {
    "label_fraction": "It was trained on true labels of speakers.",
    "labels": "Its first labels were given, by a file: what made them is not known here.",
    "embeddings": "It learnt from embeddings of its training recordings that another encoder had made: what that one "
    "was trained on, labels included, is not known here.",
    "trust_init": "It began from an encoder that was made elsewhere: what that one was trained on, labels included, is "
    "not known here.",
    "front_end_weights": "Its front-end has weights that were made elsewhere: what they were trained on is not known "
    "here.",
}
# Settings that say where something lies or how fast it is done, not what was done.
_NOT_THE_METHOD = ("loader_options", "train_loggers", "prepare_options.workers", "checkpointer", "__", "test_only")
_NOT_THE_METHOD += ("debug", "jit", "compile", "test_", "nonfinite", "skip_nonfinite")


@dataclass(frozen=True)
class Facts:
    """What a card can say of an encoder; what is not known is None or empty.

    Arguments
    ---------
    kind : str
        "voice" or "face".
    metadata : dict
        The folder's JSON.
    settings : dict
        Of the run: names to numbers, flags and names of classes; nothing that may be a path.
    brain : str
        Name of the class that trained it, such as "DINOBrain".
    gate_mode : str
        What was done about wrong labels, such as "dynamic".
    outside : tuple of str
        Sentences on what was learnt from besides speech without labels, of `OUTSIDE`.
    license : str
        As the hub names it.
    onnx : tuple of str
        The ONNX files in the folder.
    is_safe : bool
        Whether this package loads it without running what it holds: from JSON and safetensors.
    """

    kind: str
    metadata: dict
    settings: dict = field(default_factory=dict)
    brain: str = ""
    gate_mode: str = ""
    outside: tuple = ()
    license: str = UNKNOWN
    onnx: tuple = ()
    is_safe: bool = False

    @property
    def info(self) -> dict:
        """What training has left in the JSON for people."""
        return self.metadata.get("info") or {}


def read_facts(folder: str | Path, license: str | None = None) -> Facts:
    """Gather what is known of an encoder folder.

    Arguments
    ---------
    folder : str or Path
    license : str, optional
        Default: what training was told, or "unknown".

    Raises
    ------
    UserError
        If the folder holds no encoder, or one that was damaged or changed since it was exported.
    """
    folder = Path(folder)
    of_faces = (folder / FACE_ENCODER).is_file() and not (folder / ENCODER).is_file()
    name = FACE_ENCODER if of_faces else ENCODER
    metadata = read_metadata(folder, name)
    check_whole(folder, name, metadata)  # else a card says how to use what no loader takes
    resolved = _run_settings(folder)
    brain = resolved.get("brain_class")
    known = (metadata.get("info") or {}).get("license", UNKNOWN)
    return Facts(
        "face" if of_faces else "voice",
        metadata,
        {name: value for name, value in resolved.items() if _is_shown(name, value)},
        brain.rpartition(".")[2] if isinstance(brain, str) else "",
        str(resolved.get("gate_mode", "")),
        tuple(said for name, said in OUTSIDE.items() if resolved.get(name)),
        license or (known if isinstance(known, str) and LICENCE.fullmatch(known) else UNKNOWN),
        tuple(name for name in (ONNX_FILE, ONNX_INT8_FILE) if (folder / name).is_file()),
        (folder / WEIGHTS).is_file(),
    )


def without_paths(text: str) -> str:
    """A text that was written for the run's owner, or nothing if it may name a file.

    Example
    -------
    >>> without_paths("1 % of pairs"), without_paths("that of /home/me/encoder")
    ('1 % of pairs', '')
    """
    return "" if re.search(r"[/\\~]", text) else text


def _run_settings(folder):
    """The settings of the run that an encoder folder lies in, at most two folders up; empty where there is none."""
    for above in list(folder.absolute().parents)[:2]:
        try:
            record = json.loads((above / RECORD).read_text(encoding="utf-8"))
            resolved = record["settings"]["resolved"]
            return resolved if isinstance(resolved, dict) else {}
        except (OSError, ValueError, LookupError, TypeError):  # no run, one of an older version, or a part of a run
            continue
    return {}


def _is_shown(name, value):
    if name.startswith(_NOT_THE_METHOD) or name.rpartition(".")[2] == "seed":
        return False
    if isinstance(value, list):
        return len(value) > 0 and all(isinstance(one, (int, float)) for one in value)
    return isinstance(value, (bool, int, float)) or isinstance(value, str) and _is_class(value)


def _is_class(text):
    """Whether a text is the tag of a class of this package, of SpeechBrain or torch: those are no secret of anybody."""
    kind, _, name = text.partition(":")
    return kind in ("!new", "!name") and name.startswith(("speechbrain", "torch")) and os.sep not in name
