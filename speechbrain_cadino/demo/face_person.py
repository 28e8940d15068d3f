"""Who is in the picture: geometry, colours and marks of a synthetic person's face, the same in every session."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Linear RGB of skin and hair, from light to dark; a person's is between two neighbours.
SKINS = np.array([(0.86, 0.62, 0.50), (0.72, 0.46, 0.33), (0.53, 0.31, 0.20), (0.33, 0.18, 0.11), (0.16, 0.08, 0.05)])
HAIRS = np.array([(0.62, 0.44, 0.20), (0.34, 0.16, 0.06), (0.13, 0.06, 0.03), (0.04, 0.025, 0.02), (0.01, 0.01, 0.01)])
GREY_HAIR = np.array((0.45, 0.45, 0.47))
IRISES = np.array([(0.25, 0.40, 0.55), (0.22, 0.33, 0.20), (0.20, 0.10, 0.04), (0.05, 0.03, 0.02)])
# What is drawn for each person: its mean and its standard deviation. Lengths in half heights of the
# head, whose crown is at -1 and whose chin is at 1.
SHAPE = dict(
    head_width=(0.74, 0.08), jaw=(0.74, 0.125), chin=(0.42, 0.14), cheeks=(0.0, 0.07), eye_height=(-0.06, 0.07),
    eye_distance=(0.33, 0.042), eye_size=(0.145, 0.025), eye_open=(0.50, 0.14), eye_slant=(0.0, 0.17),
    brow_height=(0.17, 0.045), brow_thickness=(0.042, 0.02), brow_slant=(-0.05, 0.18), brow_arch=(0.5, 0.42),
    brow_gap=(0.13, 0.042), nose_length=(0.40, 0.08), nose_width=(0.125, 0.031), nose_ridge=(0.9, 0.42),
    mouth_height=(0.57, 0.05), mouth_width=(0.27, 0.05), lip_upper=(0.045, 0.02), lip_lower=(0.06, 0.024),
    lip_red=(0.40, 0.20), hairline=(-0.58, 0.14), hairline_arch=(0.35, 0.35), hairline_side=(0.0, 0.14),
    hair_volume=(0.13, 0.084), hair_length=(0.0, 0.35), ear_size=(0.17, 0.042), ear_stand=(0.04, 0.042),
    folds=(0.35, 0.35), eye_rings=(0.25, 0.28),
)  # fmt: skip
FEMALE = dict(jaw=-0.05, brow_thickness=-0.012, brow_height=0.02, lip_upper=0.01, lip_lower=0.012, lip_red=0.18)
FEMALE |= dict(hair_volume=0.06, hair_length=0.9, eye_size=0.01, nose_width=-0.012)
LEAST = dict(brow_thickness=0.012, brow_gap=0.05, lip_upper=0.012, lip_lower=0.015, nose_ridge=0.1, eye_open=0.25)
LEAST |= dict(lip_red=0.02, hair_volume=0.02, ear_size=0.08, ear_stand=0.0, folds=0.0, eye_rings=0.0, jaw=0.45)
LEAST |= dict(eye_size=0.09, eye_distance=0.22, nose_width=0.05, brow_height=0.07, mouth_width=0.14)


class Person(NamedTuple):
    """A person's face.

    Arguments
    ---------
    shape : dict of str to float
        By the names of `SHAPE`.
    skin, hair, iris : np.ndarray
        (3,) linear RGB.
    beard : np.ndarray
        (3,) how dense moustache, chin and cheeks are grown, 0 to 1.
    moles : np.ndarray
        (n, 4) x, y, radius and strength.
    texture : np.ndarray
        (n, 4) waves of the skin's unevenness: two frequencies, phase, amplitude.
    glasses : float
        How often the person wears glasses, 0 to 1.
    """

    shape: dict
    skin: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    beard: np.ndarray
    moles: np.ndarray
    texture: np.ndarray
    glasses: float


def draw_person(rng: np.random.Generator, sex: str) -> Person:
    """Draw a person.

    Arguments
    ---------
    rng : np.random.Generator
    sex : str
        ``female`` or ``male``: jaws, brows, lips, hair and beards differ on average.

    Returns
    -------
    Person
    """
    female = sex == "female"
    shape = {name: mean + deviation * rng.standard_normal() for name, (mean, deviation) in SHAPE.items()}
    shape = {name: value + female * FEMALE.get(name, 0.0) for name, value in shape.items()}
    shape = {name: max(value, LEAST.get(name, value)) for name, value in shape.items()}
    age, bearded = rng.random(), not female and rng.random() < 0.55
    hair = _between(HAIRS, rng.beta(1.6, 1.2))
    hair = hair + max(0.0, 2 * age - 1.2) * (GREY_HAIR - hair)
    moles = np.stack([rng.uniform(-0.5, 0.5, 4), rng.uniform(-0.5, 0.85, 4), rng.uniform(0.02, 0.045, 4), np.ones(4)])
    waves = np.stack([*rng.normal(0, 5, (2, 8)), rng.uniform(0, 2 * np.pi, 8), np.full(8, 0.035)])
    return Person(
        shape=shape,
        skin=_between(SKINS, rng.beta(1.1, 1.6)) * (1 + 0.08 * rng.standard_normal(3)),
        hair=hair,
        iris=_between(IRISES, rng.beta(1.5, 1.0)),
        beard=bearded * np.clip(rng.normal(0.4, 0.35, 3) + rng.normal(0, 0.25), 0, 0.9),
        moles=moles.T[: rng.integers(0, 4)],
        texture=waves.T,
        glasses=rng.choice([0.0, 0.15, 0.85], p=[0.5, 0.25, 0.25]),
    )


def _between(colours, place):
    """The colour at a place from 0 to 1 between the first and the last."""
    place = np.clip(place, 0, 1) * (len(colours) - 1)
    return np.array([np.interp(place, np.arange(len(colours)), channel) for channel in colours.T])
