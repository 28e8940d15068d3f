"""A map of embeddings: t-SNE of some utterances, coloured by cluster."""

from __future__ import annotations

import base64
import csv
import io
import itertools

import numpy as np
from matplotlib.figure import Figure
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from speechbrain_cadino.report.panels import Panel
from speechbrain_cadino.report.run import Training

MAX_POINTS, FEWEST = 1000, 30
DIMENSIONS, STEPS, PERPLEXITY = 30, 400, 30
COLOURED = 12  # clusters that get a colour, the largest ones
PALETTE = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00",
    "#332288", "#882255", "#44aa99", "#999933", "#661100", "#000000",
)  # fmt: skip
MARKERS = "o^sD"


def map_panel(training: Training) -> Panel | None:
    """The map of a training's embeddings; None if it has left none with clusters."""
    kept = training.arrays
    if "map_embeddings" in kept and "map_clusters" in kept:
        embeddings, clusters, whose = kept["map_embeddings"], kept["map_clusters"], "of the encoder to keep"
    else:
        embeddings, clusters = _clustered_embeddings(training)
        whose = "that the clusters were made of"
    if embeddings is None or len(embeddings) != len(clusters) or len(embeddings) < FEWEST:
        return None
    rows = np.sort(np.random.default_rng(0).permutation(len(embeddings))[:MAX_POINTS])
    embeddings, clusters = np.asarray(embeddings[rows], dtype=np.float32), clusters[rows]
    usable = np.isfinite(embeddings).all(axis=1)
    if usable.sum() < FEWEST:
        return None
    return _drawn(places(embeddings[usable]), clusters[usable], whose)


def places(embeddings: np.ndarray) -> np.ndarray:
    """Places on a plane (n, 2) of embeddings (n, dim), neighbours by cosine near each other; always the same ones."""
    centered = embeddings - embeddings.mean(axis=0)
    directions = centered / np.maximum(np.linalg.norm(centered, axis=1, keepdims=True), 1e-9)
    _, axes = np.linalg.eigh(directions.T @ directions)
    reduced = directions @ axes[:, ::-1][:, :DIMENSIONS]
    perplexity = min(PERPLEXITY, (len(reduced) - 1) / 3)
    with threadpool_limits(1):  # threads that wait for each other on a machine that trains meanwhile
        return TSNE(perplexity=perplexity, max_iter=STEPS, init="pca", random_state=0, n_jobs=1).fit_transform(reduced)


def _clustered_embeddings(training):
    """Of a run of an older version or without an end: what was clustered last, and those clusters; None and None."""
    for folder, tables in (
        (training.folder / "embeddings", [training.folder / "labels.csv"]),
        (training.folder / "clusters" / "embeddings", sorted(training.folder.glob("clusters/labels_*.csv"))[-1:]),
    ):
        try:
            found = np.load(folder / "embeddings.npy", mmap_mode="r", allow_pickle=False)
            rows = np.sort(np.random.default_rng(0).permutation(len(found))[:MAX_POINTS])
            with open(folder / "ids.txt", encoding="utf-8") as file:
                wanted = set(rows.tolist())
                ids = [line.rstrip("\n") for number, line in enumerate(file) if number in wanted]
            with open(tables[-1], newline="", encoding="utf-8") as file:
                searched, clusters = set(ids), {}
                for row in csv.DictReader(file):
                    if row.get("ID") in searched:
                        clusters[row["ID"]] = int(row["cluster"])
        except (OSError, ValueError, LookupError, TypeError, csv.Error):
            continue
        if found.ndim == 2 and len(ids) == len(rows):
            return np.asarray(found[rows]), np.array([clusters.get(each, -1) for each in ids])
    return None, None


def _drawn(points, clusters, whose):
    names, sizes = np.unique(clusters[clusters >= 0], return_counts=True)
    largest = names[np.argsort(-sizes, kind="stable")][:COLOURED]
    figure = Figure(figsize=(5.2, 4.6))
    axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
    other = ~np.isin(clusters, largest)
    axes.scatter(*points[other].T, s=5, color="#bdbdbd", linewidths=0)
    for cluster, colour, marker in zip(largest, PALETTE, itertools.cycle(MARKERS)):
        axes.scatter(*points[clusters == cluster].T, s=16, color=colour, marker=marker, linewidths=0)
    axes.set(aspect="equal")
    axes.set_axis_off()
    figure.patch.set_alpha(0)
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=130)
    image = f'<img alt="" src="data:image/png;base64,{base64.b64encode(target.getvalue()).decode()}">'
    caption = (
        f"{len(points)} training utterances, embeddings {whose}, {len(names)} clusters; the {len(largest)} largest are "
        "coloured. Neighbours are near each other; sizes of groups and distances between them mean nothing (t-SNE)."
    )
    return Panel("Map of the embeddings by cluster", image, f"Map of points. {caption}", "", caption)
