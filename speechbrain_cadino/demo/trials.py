"""The trial list of the demo corpus: across sessions, and of one sex."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np


def trial_lines(files: list[str], speakers: dict[str, Any], settings: dict[str, Any]) -> list[str]:
    """Lines of the trial list: all pairs of a speaker's sessions, and as many random pairs of one sex as asked for."""
    by_speaker = {}
    for name in files:
        by_speaker.setdefault(name.split("/")[0], []).append(name)
    targets = [
        pair
        for names in by_speaker.values()
        for pair in combinations(names, 2)
        if Path(pair[0]).parent != Path(pair[1]).parent
    ]
    impostors = [
        pair
        for one, other in combinations(by_speaker, 2)
        if speakers[one].sex == speakers[other].sex
        for pair in product(by_speaker[one], by_speaker[other])
    ]
    rng = np.random.default_rng([settings["seed"], 2])
    count = min(len(impostors), settings["impostors_per_target"] * len(targets))
    chosen = rng.choice(len(impostors), count, replace=False)
    lines = [f"1 {one} {other}\n" for one, other in targets]
    lines += [f"0 {one} {other}\n" for one, other in (impostors[i] for i in np.sort(chosen))]
    return lines
