"""What the files of each trial list are called, and those of a call before, which must not be taken for new ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from speechbrain_cadino.verification.decisions import AS_NORM, PLDA
from speechbrain_cadino.verification.fusion import TOGETHER

SIDES = ("voice", f"voice_{AS_NORM}", "face", TOGETHER)
KINDS = (AS_NORM, PLDA, f"{PLDA}_{AS_NORM}", *SIDES)  # of scores_LIST_KIND.txt


def score_names(paths: Sequence[Path]) -> list[str]:
    """What the files of each list are called: its name, behind a number where files of another list would have it.

    Example
    -------
    >>> score_names([Path("a/hard.txt"), Path("b/hard.txt"), Path("easy.txt")])
    ['1_hard', '2_hard', 'easy']
    >>> score_names([Path("easy.txt"), Path("easy_as_norm.txt")])
    ['1_easy', '2_easy_as_norm']
    """
    stems = [path.stem for path in paths]
    names = [
        f"{number}_{stem}" if _clash(stem, stems[: number - 1] + stems[number:]) else stem
        for number, stem in enumerate(stems, 1)
    ]
    for row in range(len(names)):
        while _clash(names[row], names[:row] + names[row + 1 :]):
            names[row] = f"{row + 1}_{names[row]}"
    return names


def file_bytes(path: Path) -> bytes | None:
    """What is in a file; None where there is none."""
    return path.read_bytes() if path.is_file() else None


def remove_older(folder: Path, name: str, written: Sequence[str], before: bytes | None) -> list[str]:
    """Remove a list's files of a call before that had other scores, such as another encoder's; gives their names.

    Where the first file has what it had before, those beside it still belong to it, and stay.

    Arguments
    ---------
    folder : Path
        Of the output.
    name : str
        The list's, as of `score_names`.
    written : sequence of str
        Names of the files that this call has written.
    before : bytes or None
        As of `file_bytes` of the first, before it was written.
    """
    if before is not None and before == file_bytes(folder / written[0]):
        return []
    known = [f"scores_{name}.txt", f"decisions_{name}.csv", *(f"scores_{name}_{kind}.txt" for kind in KINDS)]
    older = [file for file in known if file not in written and (folder / file).is_file()]
    for file in older:
        (folder / file).unlink()
    return older


def _clash(name, others):
    """Whether a list of this name would have a file that one of the others has, on disks without upper case too."""
    name, others = name.casefold(), {other.casefold() for other in others}
    return any(name == other or name in _derived(other) or other in _derived(name) for other in others)


def _derived(name):
    return [f"{name}_{kind}" for kind in KINDS]
