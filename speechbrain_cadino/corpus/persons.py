"""A folder of faces: a folder a person, with pictures in it or in folders of their own."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import NamedTuple

from speechbrain_cadino.corpus.suffixes import PICTURE_SUFFIXES, suffix_of
from speechbrain_cadino.utils.errors import UserError

logger = logging.getLogger(__name__)


class PersonPictures(NamedTuple):
    """Where a person's pictures lie; sorted paths.

    Arguments
    ---------
    pictures : list of str
        All that lie in the person's own folder.
    folders : list of str
        Folders of pictures, where there are any below the person's: VoxCeleb's ``id/video``, one a recording. If
        pictures lie beside them, the person's own folder is one of them.
    """

    pictures: list[str]
    folders: list[str]


def list_persons(folder: str | Path) -> dict[str, PersonPictures]:
    """The persons of a folder of faces, by name; files that are no pictures, and hidden ones, are passed over.

    Arguments
    ---------
    folder : str or Path
        Holds a folder for each person: ``person/*.jpg``, ``person/video/*.jpg``, or deeper. Links are followed.

    Returns
    -------
    dict of str to PersonPictures
        Persons without a picture are not in it; how many there are is told.

    Raises
    ------
    UserError
        If the folder is absent or has no person.
    """
    folder = str(folder)
    if not os.path.isdir(folder):
        raise UserError(f"There is no folder {folder}: give one that holds a folder of pictures for each person.")
    names = sorted(name for name in os.listdir(folder) if name[0] != "." and os.path.isdir(os.path.join(folder, name)))
    listed = {name: _pictures_of(os.path.join(folder, name)) for name in names}
    persons = {name: person for name, person in listed.items() if person.pictures or person.folders}
    if not persons:
        raise UserError(
            f"{folder} holds no folder with pictures ({', '.join(PICTURE_SUFFIXES)}): give one that holds a folder of "
            "pictures for each person."
        )
    if len(persons) < len(listed):
        empty = next(name for name in listed if name not in persons)
        logger.warning("%s: %d folders without pictures, such as %s.", folder, len(listed) - len(persons), empty)
    return persons


def _pictures_of(top):
    pictures, folders, visited = [], [], set()
    for parent, below, names in os.walk(top, followlinks=True):
        status = os.stat(parent)
        if (status.st_dev, status.st_ino) in visited:  # a link back to a folder above
            below.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        below[:] = sorted(name for name in below if name[0] != ".")
        found = sorted(name for name in names if name[0] != "." and suffix_of(name) in PICTURE_SUFFIXES)
        if parent == top:
            pictures = [os.path.join(parent, name) for name in found]
        elif found:
            folders.append(parent)
    if folders and pictures:
        folders.insert(0, top)
    return PersonPictures(pictures, folders)
