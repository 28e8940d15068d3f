"""The model card of an encoder folder: ``README.md`` as the Hugging Face hub reads it."""

from __future__ import annotations

import logging
from pathlib import Path

import yaml

from speechbrain_cadino.encoder.folder import CARD, write_text
from speechbrain_cadino.publish import card_parts, card_use
from speechbrain_cadino.publish.facts import Facts, read_facts
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path
from speechbrain_cadino.utils.places import ENCODER, FACE_ENCODER
from speechbrain_cadino.utils.settings.faults import fault_line
from speechbrain_cadino.utils.settings.kinds import LICENCE

logger = logging.getLogger(__name__)

MARKER = (
    "<!-- Written by speechbrain-cadino, and replaced at the next export. Delete this line to keep your changes. -->"
)
TITLES = {"voice": "A speaker encoder", "face": "A face encoder"}
TAGS = {
    "voice": ["speechbrain", "speaker-verification", "speaker-recognition", "speaker-embeddings"],
    "face": ["face-verification", "face-embeddings"],
}
TASKS = {"voice": "feature-extraction", "face": "image-feature-extraction"}  # the hub's names
LIBRARIES = {"voice": "speechbrain", "face": "speechbrain-cadino"}


def write_card(folder: str | Path, license: str | None = None) -> Path | None:
    """Write the card of an encoder folder, or replace an older one; a ``README.md`` of somebody else's stays.

    Arguments
    ---------
    folder : str or Path
        Of `export_encoder` or `export_face_encoder`.
    license : str, optional
        As the hub names it, such as "cc-by-4.0". Default: what training was told, or "unknown".

    Returns
    -------
    Path or None
        The card; None where a ``README.md`` that is not a card of ours was left alone, with a warning.

    Raises
    ------
    UserError
        If the folder holds no encoder or cannot be written, or the licence is not a name.
    """
    if license is not None and not LICENCE.fullmatch(license):
        raise UserError(
            f"license is {license!r}: give a name of the hub's, such as apache-2.0, cc-by-4.0 or other; "
            "unknown where it is not decided."
        )
    path = Path(folder) / CARD
    text = card_text(read_facts(folder, license))
    if path.exists() or path.is_symlink():
        old = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        if MARKER not in old:
            logger.warning("%s is not a card of this package's, so it was left as it is.", path)
            return None
    with atomic_path(path) as temporary:
        write_text(temporary, text)
    return path


def leave_card(folder: str | Path) -> None:
    """`write_card` after a training: what keeps the card from being written is told, and costs no encoder.

    Arguments
    ---------
    folder : str or Path
        Where there is no encoder of voices or faces, nothing is written.
    """
    if not any((Path(folder) / name).is_file() for name in (ENCODER, FACE_ENCODER)):
        return
    try:
        write_card(folder)
    except Exception as error:  # what was trained for hours is kept, whatever it is
        logger.warning("The encoder has no model card (%s).", fault_line(error).rstrip("."))


def card_text(facts: Facts) -> str:
    """The card as a text.

    Arguments
    ---------
    facts : Facts
        Of `read_facts`.
    """
    front = {
        "library_name": LIBRARIES[facts.kind],
        "license": facts.license,
        "pipeline_tag": TASKS[facts.kind],
        "tags": [*TAGS[facts.kind], *["self-supervised"][: not facts.outside], *["onnx"][: bool(facts.onnx)]],
        "datasets": [],
    }
    sections = {
        "Data": card_parts.data(facts),
        "Method": card_parts.method(facts),
        "Settings": card_parts.settings(facts),
        "Results": card_parts.results(facts),
        "Threshold": card_parts.threshold(facts),
        "Limits": card_parts.limits(facts),
        "Use": card_use.use(facts),
        "Before you load a folder of somebody else's": card_use.safety(facts),
    }
    head = f"---\n{yaml.safe_dump(front, sort_keys=False)}---\n{MARKER}\n\n# {TITLES[facts.kind]}\n"
    return "\n".join([head, *(f"## {title}\n\n{text}" for title, text in sections.items() if text)])
