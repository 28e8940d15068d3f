"""What is around a face: a session's light, background and camera, and each frame's pose and expression."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from speechbrain_cadino.demo.face_person import Person


class Scene(NamedTuple):
    """What all pictures of a session share.

    Arguments
    ---------
    light : np.ndarray
        (3,) unit vector towards the lamp: right, down, out of the picture.
    ambient : float
        The part of the light that comes from everywhere, 0 to 1.
    colour : np.ndarray
        (3,) the light's colour with the exposure: factors of linear RGB.
    gamma : float
        The camera's contrast, 1 for none of its own.
    background : np.ndarray
        (n, 7): blobs of a colour (3), at x and y, of a size and with an edge; the first fills the picture.
    clothes, hat, glasses : np.ndarray or None
        (3,) linear RGB; None where none is worn.
    glasses_size : float
    pose : np.ndarray
        (5,) what the frames' are around: yaw, pitch, roll (rad), x and y.
    zoom : float
    hair : np.ndarray
        (4,) how the hair differs today: volume, length, hairline, brightness.
    makeup : float
        Added to the lips' red.
    stubble : float
        A factor of the beard's density.
    blur : float
        Of the camera, standard deviation in pixels of 64.
    noise : float
        Standard deviation, of 0 to 1.
    """

    light: np.ndarray
    ambient: float
    colour: np.ndarray
    gamma: float
    background: np.ndarray
    clothes: np.ndarray
    hat: np.ndarray | None
    glasses: np.ndarray | None
    glasses_size: float
    pose: np.ndarray
    zoom: float
    hair: np.ndarray
    makeup: float
    stubble: float
    blur: float
    noise: float


class Frame(NamedTuple):
    """What one picture of a session has of its own.

    Arguments
    ---------
    yaw, pitch, roll : float
        Of the head, rad.
    x, y : float
        Where the head's middle is, in its half heights.
    zoom : float
    smile, open_mouth, brows, lids, gaze : float
        The expression: corners of the mouth, its opening, brows up, eyes shut (0 to 1), eyes sideways.
    occluder : np.ndarray or None
        (8,) something before the face: a colour (3), x, y, two radii and an angle.
    blur, exposure : float
        Added to the scene's blur; factor of its light.
    """

    yaw: float
    pitch: float
    roll: float
    x: float
    y: float
    zoom: float
    smile: float
    open_mouth: float
    brows: float
    lids: float
    gaze: float
    occluder: np.ndarray | None
    blur: float
    exposure: float


def draw_scene(rng: np.random.Generator, person: Person, strength: float = 1.0) -> Scene:
    """Draw a session of a person.

    Arguments
    ---------
    rng : np.random.Generator
    person : Person
        Wears glasses more or less often.
    strength : float
        How much sessions differ. 0: only by what is around the face, and by the frame of glasses.

    Returns
    -------
    Scene
    """
    habit = 0.5 + (person.glasses - 0.5) / max(strength, 1e-3)  # of glasses: the harder, the less it tells
    angle, height = rng.normal(0, 0.38 * strength), rng.normal(0.35, 0.2 * strength)
    light = np.array([np.sin(angle) * np.cos(height), -np.sin(height), np.cos(angle) * np.cos(height)])
    warmth, tint = rng.normal(0, [0.36 * strength, 0.14 * strength])
    blobs = np.column_stack(
        [
            rng.beta(1.3, 1.7, (6, 3)),
            rng.uniform(-1.4, 1.4, (6, 2)),
            rng.uniform(0.2, 0.9, 6),
            rng.uniform(0.05, 0.8, 6),
        ]
    )
    wears_hat, wears_glasses = rng.random(2) < np.array([0.08 * strength, habit])
    return Scene(
        light=light,
        ambient=np.clip(rng.normal(0.50, 0.11 * strength), 0.15, 0.9),
        colour=np.exp(np.array([warmth, tint, -warmth]) + rng.normal(0, 0.5 * strength)),
        gamma=np.exp(rng.normal(0, 0.18 * strength)),
        background=blobs,
        clothes=rng.beta(1.0, 2.0, 3),
        hat=rng.beta(1.0, 1.6, 3) if wears_hat else None,
        glasses=rng.beta(0.5, 2.5, 3) if wears_glasses else None,
        glasses_size=rng.uniform(0.19, 0.25),
        pose=rng.normal(0, np.array([0.055, 0.03, 0.025, 0.012, 0.012]) * strength),
        zoom=np.exp(rng.normal(0, 0.03 * strength)),
        hair=rng.normal(0, np.array([0.025, 0.10, 0.03, 0.12]) * strength),
        makeup=rng.normal(0, 0.10 * strength),
        stubble=np.exp(rng.normal(0, 0.4 * strength)),
        blur=rng.gamma(2.0, 0.075 * strength) if strength else 0.0,
        noise=rng.gamma(2.0, 0.005 * strength) if strength else 0.0,
    )


def draw_frame(rng: np.random.Generator, scene: Scene, strength: float = 1.0) -> Frame:
    """Draw a picture of a session.

    Arguments
    ---------
    rng : np.random.Generator
    scene : Scene
    strength : float
        How much the pictures of a session differ, 0 for not at all.

    Returns
    -------
    Frame
    """
    yaw, pitch, roll, x, y = scene.pose + rng.normal(0, np.array([0.055, 0.03, 0.025, 0.012, 0.012]) * strength)
    smile, brows, gaze = rng.normal([0.1, 0.0, 0.0], np.array([0.35, 0.3, 0.35]) * strength)
    shut, hidden, talks = rng.random(3) < np.array([0.08, 0.10, 0.45]) * min(strength, 1.0)
    place = rng.uniform([-0.9, -0.6, 0.12, 0.3, -1.5], [0.9, 1.1, 0.3, 0.8, 1.5])
    return Frame(
        yaw=float(np.clip(yaw, -0.7, 0.7)),
        pitch=float(np.clip(pitch, -0.45, 0.45)),
        roll=roll,
        x=x,
        y=y,
        zoom=scene.zoom * np.exp(rng.normal(0, 0.02 * strength)),
        smile=smile,
        open_mouth=talks * rng.uniform(0.1, 1.0),
        brows=brows,
        lids=1.0 if shut else np.clip(abs(rng.normal(0, 0.15 * strength)), 0, 0.6),
        gaze=gaze,
        occluder=np.concatenate([rng.beta(1.0, 1.5, 3), place]) if hidden else None,
        blur=rng.exponential(0.15 * strength) if strength else 0.0,
        exposure=np.exp(rng.normal(0, 0.08 * strength)),
    )
