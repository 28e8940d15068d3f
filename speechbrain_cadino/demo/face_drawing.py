"""A picture of a person in a scene: everything painted from back to front, lit, and taken by a camera."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from speechbrain_cadino.demo.face_features import paint_eyes, paint_mouth, paint_skin, relief
from speechbrain_cadino.demo.face_geometry import Surface, ellipse, fill, head_surface, over, pixel_grid
from speechbrain_cadino.demo.face_person import Person
from speechbrain_cadino.demo.face_scene import Frame, Scene

EXTENT = 1.12  # half the picture's side, in half heights of a head
SRGB = 2.2
RELIEF = 1.1  # how strongly the relief turns the surface


def draw_face(person: Person, scene: Scene, frame: Frame, rng: np.random.Generator, size: int = 64) -> np.ndarray:
    """Draw one picture.

    Arguments
    ---------
    person : Person
    scene : Scene
    frame : Frame
    rng : np.random.Generator
        Of the camera's noise.
    size : int
        Pixels a side.

    Returns
    -------
    np.ndarray
        (size, size, 3) uint8 sRGB.
    """
    x, y = pixel_grid(size, EXTENT)
    edge = 2.4 * EXTENT / size
    picture = _background(x, y, scene)
    x, y = (x - frame.x) / frame.zoom, (y - frame.y + 0.02) / frame.zoom
    body = x, y
    x, y = x * np.cos(frame.roll) + y * np.sin(frame.roll), y * np.cos(frame.roll) - x * np.sin(frame.roll)
    surface = head_surface(x, y, person.shape, frame.yaw, frame.pitch)
    surface = bent(surface, relief(surface, person, frame), 2 * EXTENT / size / frame.zoom)
    shade = _shade(surface.normal, scene)
    hair = person.hair * np.exp(scene.hair[3]) * (0.35 + 0.75 * shade[..., None])
    picture = _back_hair(picture, x, y, person, scene, frame, hair.mean((0, 1)), edge)
    picture = _body(picture, *body, person, scene, edge)
    picture = _ears(picture, x, y, person, frame, shade, edge)
    skin = paint_skin(surface, person, scene)
    skin = paint_eyes(skin, surface, person, frame, edge)
    skin = paint_mouth(skin, surface, person, scene, frame, edge)
    picture = over(picture, fill(surface.outside, edge), skin * shade[..., None])
    picture = _front_hair(picture, surface, person, scene, hair, edge)
    picture = _worn(picture, x, y, surface, person, scene, shade, edge)
    return _camera(_occlude(picture, *body, frame, edge), scene, frame, rng, size)


def bent(surface: Surface, heights: np.ndarray, step: float) -> Surface:
    """A surface whose normals follow a relief; ``step`` is a pixel's size."""
    down, right = np.gradient(heights, step)
    normal = surface.normal - RELIEF * np.stack([right, down, np.zeros_like(down)], -1)
    return surface._replace(normal=normal / np.linalg.norm(normal, axis=-1, keepdims=True))


def _shade(normal, scene):
    return scene.ambient + 1.25 * (1 - scene.ambient) * np.clip(normal @ scene.light, 0, None)


def _background(x, y, scene):
    picture = np.broadcast_to(scene.background[0, :3], (*x.shape, 3))
    for *colour, at_x, at_y, radius, edge in scene.background[1:]:
        picture = over(picture, fill(ellipse(x, y, (at_x, at_y), (radius, 1.3 * radius)), edge), np.array(colour))
    return 0.8 * picture


def _back_hair(picture, x, y, person, scene, frame, hair, edge):
    """What stands out beside and above the head, and falls on the shoulders where it is long."""
    shape = person.shape
    volume = max(0.0, shape["hair_volume"] + scene.hair[0])
    length = shape["hair_length"] + scene.hair[1]
    x = x + 0.25 * np.sin(frame.yaw)  # it is behind
    width = shape["head_width"] + 0.8 * volume
    cap = ellipse(x, y, (0, -0.15), (width, 0.86 + volume))
    cap = np.maximum(cap, y - max(-0.1, 0.9 * length))
    falls = np.maximum(np.abs(x) - width * (1 - 0.08 * np.clip(y, 0, 2)), np.maximum(-0.15 - y, y - 1.1 * length))
    return over(picture, fill(np.minimum(cap, falls), edge), hair)


def _body(picture, x, y, person, scene, edge):
    neck = np.maximum(np.abs(x) - 0.62 * person.shape["head_width"], 0.3 - y)
    across = np.clip(x / (0.7 * person.shape["head_width"]), -1, 1)
    normal = np.stack([across, np.full_like(x, 0.25), np.sqrt(1.05 - across**2)], -1)
    shade = 0.75 * _shade(normal, scene)
    picture = over(picture, fill(neck, edge), person.skin * shade[..., None])
    clothes = 1.12 + 0.5 * np.clip(np.abs(x) - 0.4, 0, 2) ** 2 - 0.25 * np.clip(np.abs(x), 0, 0.4) - y
    return over(picture, fill(clothes, edge), scene.clothes * (0.3 + 0.6 * scene.ambient))


def _ears(picture, x, y, person, frame, shade, edge):
    shape = person.shape
    for side in (-1, 1):
        turned = np.cos(frame.yaw) + side * 0.35 * np.sin(frame.yaw)
        center = (side * (shape["head_width"] * turned + shape["ear_stand"]), shape["eye_height"] + 0.12)
        ear = ellipse(x, y, center, (0.5 * shape["ear_size"], shape["ear_size"]), 0.15 * side)
        lit = shade.mean() * (0.8 + 0.2 * np.cos(8 * (y - center[1])))
        picture = over(picture, fill(ear, edge), person.skin * np.array((1.0, 0.85, 0.82)) * lit[..., None])
    return picture


def _front_hair(picture, surface, person, scene, hair, edge):
    """From the hairline up; the line is bent, and may be higher on one side."""
    shape, u, v = person.shape, surface.u, surface.v
    line = shape["hairline"] + scene.hair[2] + shape["hairline_side"] * u + shape["hairline_arch"] * u**2
    sides = np.abs(u) - 0.93 * shape["head_width"]  # the temples
    sideburns = np.maximum(-sides, v - (0.05 + 0.5 * np.clip(shape["hair_length"], 0, 1.5)))
    within = np.minimum(v - line, sideburns)
    mask = fill(within, 1.5 * edge) * fill(surface.outside - 0.05, edge)
    strands = 1 + 0.12 * np.sin(31 * u + 2 * np.sin(4 * v) + 40 * shape["hairline_side"])
    return over(picture, mask, hair * strands[..., None])


def _worn(picture, x, y, surface, person, scene, shade, edge):
    u, v, shape = surface.u, surface.v, person.shape
    if scene.hat is not None:
        brim = -0.50 + 0.15 * u**2
        crown = np.maximum(ellipse(x, y, (0, -0.35), (1.12 * shape["head_width"], 0.9)), v - brim)
        picture = over(picture, fill(crown, edge), scene.hat * (0.3 + 0.7 * shade[..., None]))
    if scene.glasses is not None:
        size, face = scene.glasses_size, fill(surface.outside, edge)
        rims = [
            ellipse(u, v, (s * shape["eye_distance"], shape["eye_height"] + 0.02), (size, 0.8 * size)) for s in (-1, 1)
        ]
        for rim in rims:
            picture = over(picture, face * 0.95 * fill(np.abs(rim) - 0.018, edge), scene.glasses)
            picture = over(picture, face * 0.12 * fill(rim, edge), np.ones(3))
        bars = np.maximum(np.abs(v - shape["eye_height"]) - 0.015, -np.minimum(*rims))
        picture = over(picture, face * 0.9 * fill(bars, edge), scene.glasses)
    return picture


def _occlude(picture, x, y, frame, edge):
    if frame.occluder is None:
        return picture
    *colour, at_x, at_y, one, other, angle = frame.occluder
    return over(picture, fill(ellipse(x, y, (at_x, at_y), (one, other), angle), edge), np.array(colour))


def _camera(picture, scene, frame, rng, size):
    picture = np.clip(picture * scene.colour * frame.exposure, 0, 1) ** (scene.gamma / SRGB)
    blur = (scene.blur + frame.blur) * size / 64
    picture = gaussian_filter(picture, (blur, blur, 0)) + scene.noise * rng.standard_normal(picture.shape)
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
