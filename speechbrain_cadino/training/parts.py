"""The parts of a run, such as an iteration: each folder says what it was made from."""

from __future__ import annotations

import json
from pathlib import Path

from speechbrain_cadino.training.run_files import RECORD, has_weights, read_record
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path


def claim_part(folder: str | Path, **made_from: str | None) -> None:
    """Keep in the folder of a part of a run, such as an iteration, what it is made from; for the main rank alone.

    Arguments
    ---------
    folder : str or Path
        Of the part; the run's own is the one above.
    **made_from : str or None
        Name to digest of what decides the part's weights, besides the run's own identity.

    Raises
    ------
    UserError
        If the part that is there was made from something else.
    """
    folder = Path(folder)
    whole, record = read_record(folder.parent) or {}, read_record(folder)
    now = {"part_of": whole.get("id"), **made_from}
    if record is None and has_weights(folder):
        raise UserError(f"{folder} holds a training, but not {RECORD}, what it was made from: remove it to begin anew.")
    if record is None or not has_weights(folder):
        with atomic_path(folder / RECORD) as temporary:
            temporary.write_text(json.dumps(now, indent=1), encoding="utf-8")
        return
    changed = [name for name in {**record, **now} if record.get(name) != now.get(name)]
    if changed:
        what = {"part_of": "run", "init": "encoder"}.get(changed[0], changed[0])
        raise UserError(f"{folder} was made from another {what} than there is now: remove it to have it made anew.")
