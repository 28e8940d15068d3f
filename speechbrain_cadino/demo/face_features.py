"""The parts of a face, painted on its surface: eyes, brows, nose, mouth, beard, marks; and its relief."""

from __future__ import annotations

import numpy as np

from speechbrain_cadino.demo.face_geometry import Surface, bump, ellipse, fill, over
from speechbrain_cadino.demo.face_person import Person
from speechbrain_cadino.demo.face_scene import Frame, Scene

DARK = np.array((0.015, 0.01, 0.01))
WHITE = np.array((0.75, 0.72, 0.70))
RED = np.array((0.55, 0.10, 0.12))


def paint_skin(surface: Surface, person: Person, scene: Scene) -> np.ndarray:
    """The skin with its unevenness, cheeks, rings below the eyes, moles and beard: (size, size, 3) linear RGB."""
    u, v, shape = surface.u, surface.v, person.shape
    waves = sum(size * np.cos(fu * u + fv * v + phase) for fu, fv, phase, size in person.texture)
    skin = person.skin * (1 + waves[..., None])
    for side in (-1, 1):
        cheek = bump(u, v, (side * 0.40, 0.28), (0.16, 0.14))
        skin = over(skin, 0.15 * cheek, person.skin * np.array((1.1, 0.75, 0.75)))
        below = (side * shape["eye_distance"], shape["eye_height"] + 0.12)
        skin = over(skin, shape["eye_rings"] * bump(u, v, below, (0.12, 0.04)), person.skin * 0.6)
    for x, y, radius, strength in person.moles:
        skin = over(skin, strength * fill(ellipse(u, v, (x, y), (radius, radius)), 0.03), person.skin * 0.25)
    return _paint_beard(skin, surface, person, scene)


def _paint_beard(skin, surface, person, scene):
    u, v, shape = surface.u, surface.v, person.shape
    moustache, chin, cheeks = np.clip(person.beard * scene.stubble, 0, 0.95)
    mouth = shape["mouth_height"]
    lip = fill(ellipse(u, v, (0, mouth - 0.10), (0.9 * shape["mouth_width"], 0.055)), 0.06)
    around = fill(ellipse(u, v, (0, mouth + 0.30), (0.32, 0.26)), 0.10)
    jaw = fill(0.25 - v + 0.5 * (0.5 - np.abs(u)) - 0.10, 0.12) * fill(-ellipse(u, v, (0, 0.35), (0.36, 0.40)), 0.12)
    density = np.maximum.reduce([moustache * lip, chin * around, cheeks * jaw])
    return over(skin, density, person.hair * 0.9)


def paint_eyes(skin: np.ndarray, surface: Surface, person: Person, frame: Frame, edge: float) -> np.ndarray:
    """Lids, whites, irises, pupils, and the brows above."""
    u, v, shape = surface.u, surface.v, person.shape
    width = shape["eye_size"]
    opened = shape["eye_open"] * width * (1 - frame.lids) * (1 + 0.25 * frame.brows)
    for side in (-1, 1):
        x = side * (u - side * shape["eye_distance"])  # outwards
        y = v - shape["eye_height"] + shape["eye_slant"] * x
        curve = 1 - np.clip(x / width, -1.3, 1.3) ** 2
        upper, lower = -opened * curve, 0.55 * opened * curve
        within = fill(np.maximum(upper - y, y - lower) + frame.lids * edge, edge) * fill(np.abs(x) - width, edge)
        at = (side * 0.25 * frame.gaze * width, -0.1 * opened)
        skin = over(skin, within, WHITE)
        radius = 0.42 * width
        skin = over(skin, within * fill(ellipse(x, y, at, (radius, radius)), edge), person.iris)
        skin = over(skin, within * fill(ellipse(x, y, at, (0.5 * radius, 0.5 * radius)), edge), DARK)
        glint = (at[0] + 0.3 * radius, at[1] - 0.3 * radius)
        skin = over(skin, 0.8 * within * fill(ellipse(x, y, glint, (0.018, 0.018)), edge), np.ones(3))
        lash = fill(np.abs(y - upper) - 0.014, edge) * fill(np.abs(x) - width, edge)
        skin = over(skin, 0.85 * lash, DARK + 0.2 * person.hair)
        fold = fill(np.abs(y - upper + 0.045) - 0.006, edge) * fill(np.abs(x) - 0.9 * width, edge)
        skin = over(skin, 0.4 * fold, person.skin * 0.4)
        skin = over(skin, _brow(side, u, v, shape, frame, edge), 0.8 * person.hair)
    return skin


def _brow(side, u, v, shape, frame, edge):
    inner, outer = shape["brow_gap"], shape["eye_distance"] + 1.25 * shape["eye_size"]
    place = (side * u - inner) / (outer - inner)  # 0 at the nose, 1 outside
    middle = shape["eye_height"] - shape["brow_height"] - 0.05 * frame.brows
    arch = shape["brow_arch"] * 0.08 * (4 * place * (1 - place) - 0.6)
    line = middle + shape["brow_slant"] * (place - 0.5) * (outer - inner) - arch
    thickness = shape["brow_thickness"] * np.clip(1.15 - 0.6 * place, 0.2, 1)
    return 0.9 * fill(np.abs(v - line) - thickness, 1.3 * edge) * fill(np.abs(place - 0.5) - 0.5, 0.15)


def paint_mouth(
    skin: np.ndarray, surface: Surface, person: Person, scene: Scene, frame: Frame, edge: float
) -> np.ndarray:
    """Nostrils, lips and, where the mouth is open, its dark and the teeth; folds beside it."""
    u, v, shape = surface.u, surface.v, person.shape
    tip = shape["eye_height"] + shape["nose_length"]
    for side in (-1, 1):
        nostril = ellipse(u, v, (side * 0.5 * shape["nose_width"], tip + 0.035), (0.34 * shape["nose_width"], 0.02))
        skin = over(skin, 0.8 * fill(nostril, edge), person.skin * 0.12)
        wing = (
            np.abs(ellipse(u, v, (side * 0.85 * shape["nose_width"], tip), (0.4 * shape["nose_width"], 0.06))) - 0.006
        )
        skin = over(skin, 0.35 * fill(wing, edge) * fill(0.3 * shape["nose_width"] - side * u, edge), person.skin * 0.4)
        fold = side * u - shape["nose_width"] - 0.05 - 0.35 * np.clip(v - tip, 0, 1) * (1 + 0.4 * frame.smile)
        fold = fill(np.abs(fold) - 0.012, 1.5 * edge) * fill(np.abs(v - tip - 0.14) - 0.12, 0.1)
        skin = over(skin, np.clip(shape["folds"] * (0.7 + 0.5 * frame.smile), 0, 0.9) * fold, person.skin * 0.5)
    width = shape["mouth_width"] * (1 + 0.12 * frame.smile - 0.10 * frame.open_mouth)
    place = np.clip(u / width, -1.2, 1.2)
    line = shape["mouth_height"] + frame.smile * 0.05 * (0.4 - place**2)
    gap = 0.10 * frame.open_mouth * np.clip(1 - place**2, 0, 1)
    taper = np.clip(1 - place**2, 0, 1)
    bow = 1 - 0.25 * np.exp(-((place / 0.15) ** 2))  # the dent of the upper lip
    top, bottom = line - 0.4 * gap - shape["lip_upper"] * taper * bow, line + gap + shape["lip_lower"] * taper
    beside = fill(np.abs(place) - 1, edge / width)
    redness = np.clip(shape["lip_red"] + scene.makeup, 0, 0.95)
    lips = fill(np.maximum(top - v, v - bottom), edge) * beside
    skin = over(
        skin, lips, person.skin * (0.80 - 0.2 * redness) * (1 - redness) + redness * RED * person.skin.mean() * 1.6
    )
    inner = fill(np.maximum(line - 0.4 * gap - v, v - line - gap) - 0.008, edge) * beside
    skin = over(skin, 0.85 * inner, DARK + 0.05 * person.skin)
    teeth = (
        fill(np.maximum(line - 0.4 * gap - v, v - line - 0.15 * gap), edge) * beside * min(1.0, 3 * frame.open_mouth)
    )
    return over(skin, 0.8 * teeth, WHITE)


def relief(surface: Surface, person: Person, frame: Frame) -> np.ndarray:
    """Heights above the ellipsoid, (size, size), in half heights of the head."""
    u, v, shape = surface.u, surface.v, person.shape
    eye, nose = shape["eye_height"], shape["nose_width"]
    tip = eye + shape["nose_length"]
    along = np.clip((v - eye + 0.05) / (tip - eye + 0.05), 0, 1)
    ridge = along * fill(v - tip - 0.02, 0.10) * np.exp(-0.5 * (u / (0.45 * nose * (0.6 + 0.5 * along))) ** 2)
    height = 0.16 * shape["nose_ridge"] * ridge + 0.05 * bump(u, v, (0, tip), (0.5 * nose, 0.06))
    for side in (-1, 1):
        height = height + 0.035 * bump(u, v, (side * 0.85 * nose, tip + 0.01), (0.3 * nose, 0.05))
        height = height - 0.06 * bump(u, v, (side * shape["eye_distance"], eye), (0.15, 0.09))
        height = height + 0.035 * bump(u, v, (side * shape["eye_distance"], eye - shape["brow_height"]), (0.17, 0.05))
        cheek = (0.05 + 0.3 * shape["cheeks"] + 0.02 * frame.smile) * bump(u, v, (side * 0.42, 0.22), (0.14, 0.13))
        height = height + cheek
    mouth = shape["mouth_height"]
    lips = bump(u, v, (0, mouth), (0.8 * shape["mouth_width"], shape["lip_upper"] + shape["lip_lower"]))
    height = height + 0.03 * lips - 0.035 * bump(u, v, (0, mouth + 0.15), (0.2, 0.05))
    return height + (0.03 + 0.10 * shape["chin"]) * bump(u, v, (0, 0.85), (0.17, 0.10))
