"""A modality that is no picture, for runs as a user makes them: vectors, with an encoder of one layer."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from speechbrain_cadino.dlg_lc.precomputed import Precomputed
from speechbrain_cadino.training.sources import file_digest


class VectorEncoder(nn.Sequential):
    """Vectors (batch, 6) to embeddings (batch, 5)."""

    embedding_dim = 5

    def __init__(self):
        super().__init__(nn.Linear(6, 5), nn.BatchNorm1d(5))


class Vectors(Precomputed):
    """Vectors of a folder, and an encoder that is kept as a file."""

    is_given = False

    def encoder_digest(self, source):
        return file_digest(Path(source) / "weights.pt")

    def embed(self, source, manifest, folder, device, compensation):
        encoder = VectorEncoder().eval()
        self.start(encoder, source)
        with torch.no_grad():
            return encoder(torch.from_numpy(np.array(manifest.embeddings))).numpy(), manifest.ids.tolist()

    def start(self, encoder, source):
        encoder.load_state_dict(torch.load(Path(source) / "weights.pt"))

    def keep(self, encoder, manifest, folder, info):
        folder.mkdir(exist_ok=True)
        torch.save(encoder.state_dict(), folder / "weights.pt")
        return {"exported_items": len(manifest)}

    def embed_trials(self, source, device):
        """None: no recording of the trial lists has one."""


def write_vectors(folder, ids, spread=0.3, extra=()):
    """A vector near one of the talker's own for each of some utterances, and for further items."""
    rng = np.random.default_rng(7)
    names = [*ids, *extra]
    talkers = sorted({name[:7] for name in names})
    centers = rng.standard_normal((len(talkers), 6))
    rows = [centers[talkers.index(name[:7])] + spread * rng.standard_normal(6) for name in names]
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "embeddings.npy", np.array(rows, dtype=np.float32).reshape(-1, 6))
    (folder / "ids.txt").write_text("".join(f"{name}\n" for name in names))
    return folder
