"""Plain geometry for drawing: soft-edged shapes as masks over a grid, and a head that turns in space."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

DEPTH = 0.85  # of a head, over its half height


class Surface(NamedTuple):
    """The front of a head as the camera sees it, one value a pixel, (size, size) each.

    Arguments
    ---------
    u, v : np.ndarray
        Where on the face the pixel is: as seen from the front, 0 in the middle, crown at v -1, chin at v 1.
    normal : np.ndarray
        (size, size, 3): right, down, out of the picture; of unit length.
    outside : np.ndarray
        Above 0 where the pixel lies beside the head, by how much.
    """

    u: np.ndarray
    v: np.ndarray
    normal: np.ndarray
    outside: np.ndarray


def pixel_grid(size: int, extent: float) -> tuple[np.ndarray, np.ndarray]:
    """x and y of the pixels' centers, from -extent to extent, each (size, size)."""
    line = ((np.arange(size) + 0.5) / size * 2 - 1) * extent
    return np.meshgrid(line, line)


def fill(distance: np.ndarray, edge: float) -> np.ndarray:
    """A mask from a distance to a shape's border, in which negative is within: 1 inside, 0 beyond, soft over ``edge``.

    Example
    -------
    >>> fill(np.array([-1.0, 0.0, 1.0]), 0.1).tolist()
    [1.0, 0.5, 0.0]
    """
    return np.clip(0.5 - distance / edge, 0, 1)


def ellipse(
    x: np.ndarray, y: np.ndarray, center: tuple[float, float], radii: tuple[float, float], angle: float = 0.0
) -> np.ndarray:
    """About the distance to the border of an ellipse, negative within."""
    x, y = x - center[0], y - center[1]
    x, y = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return (np.sqrt((x / radii[0]) ** 2 + (y / radii[1]) ** 2) - 1) * min(radii)


def bump(x: np.ndarray, y: np.ndarray, center: tuple[float, float], radii: tuple[float, float]) -> np.ndarray:
    """A Gaussian of height 1."""
    return np.exp(-0.5 * (((x - center[0]) / radii[0]) ** 2 + ((y - center[1]) / radii[1]) ** 2))


def over(picture: np.ndarray, mask: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """A picture (h, w, 3) with a colour, (3,) or (h, w, 3), painted where a mask (h, w) is 1."""
    return picture + mask[..., None] * (colour - picture)


def outline(v: np.ndarray, shape: dict[str, float]) -> np.ndarray:
    """How wide a head is at a height, over an ellipse of width 1: narrower below, by jaw and chin."""
    below = np.clip(v, 0, 1.2)
    jaw = 1 + (shape["jaw"] - 1) * below**2 + shape["cheeks"] * np.sin(np.pi * np.clip(below, 0, 1))
    squareness = 1 + 0.5 * shape["chin"] * np.clip(v - 0.45, 0, 1)  # a broad chin is wider than the ellipse
    return shape["head_width"] * jaw * squareness


def head_surface(x: np.ndarray, y: np.ndarray, shape: dict[str, float], yaw: float, pitch: float) -> Surface:
    """The visible side of a turned head, an ellipsoid with a jaw, seen from far.

    Arguments
    ---------
    x, y : np.ndarray
        (size, size), the head's middle at 0, its half height 1.
    shape : dict of str to float
        A person's.
    yaw, pitch : float
        rad; to the right of the picture, and down.

    Returns
    -------
    Surface
    """
    width = outline(y, shape)
    turn = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    nod = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    to_head = nod @ turn  # camera's to head's coordinates
    scale = np.array([1.0, 1.0, DEPTH / shape["head_width"]])  # widths are divided out below
    origin = np.stack([x / width, y, np.zeros_like(x)], -1) @ to_head.T / scale
    ray = to_head[:, 2] / scale
    a, b, c = ray @ ray, origin @ ray, (origin**2).sum(-1) - 1
    inside = b * b - a * c
    depth = (-b + np.sqrt(np.clip(inside, 0, None))) / a
    point = origin + depth[..., None] * ray
    normal = (point / scale) @ to_head
    normal[..., 0] /= width
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    v = point[..., 1]
    return Surface(point[..., 0] * outline(v, shape), v, normal, -inside / 2)
