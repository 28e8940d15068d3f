"""A face encoder in use: embeddings of pictures, of folders of frames, and of what is in memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from speechbrain_cadino.encoder.in_use import EncoderInUse, path_texts
from speechbrain_cadino.faces.embed import check_numbers, embed_faces, embed_images
from speechbrain_cadino.faces.images import as_image
from speechbrain_cadino.faces.manifest import FaceManifest
from speechbrain_cadino.faces.model import FaceEncoderNet
from speechbrain_cadino.utils.errors import UserError


class PictureEncoder(EncoderInUse):
    """Embeds what a user has.

    Arguments
    ---------
    net : FaceEncoderNet
        The encoder, mean subtraction included.
    n_frames, batch_size : int
        As for `embed_faces`: frames of a folder that count, and pictures at once.
    """

    def __init__(self, net: FaceEncoderNet, n_frames: int = 5, batch_size: int = 64) -> None:
        super().__init__(net)
        check_numbers(n_frames, batch_size)
        self.n_frames, self.batch_size = n_frames, batch_size

    def encode_files(self, paths: str | Path | Sequence[str | Path]) -> torch.Tensor:
        """Embed faces, each of a picture or of a folder of frames.

        Arguments
        ---------
        paths : sequence of str or Path, or a single one

        Returns
        -------
        torch.Tensor
            (n, embedding_dim) float32, on the CPU.

        Raises
        ------
        UserError
            If no picture of a face can be read; names it.
        """
        paths = path_texts(paths)
        faces = FaceManifest.of(paths, paths)
        frames = [partial(faces.frames, row) for row in range(len(faces))]
        embeddings, failures = embed_faces(self.net, frames, self.n_frames, self.batch_size)
        for row, reason in failures.items():
            raise UserError(
                reason if faces.count(row) else f"{paths[row]} is no picture and holds none: check the path."
            )
        return torch.from_numpy(embeddings)

    def forward(self, images: Sequence[Any]) -> torch.Tensor:
        """As `encode_batch`."""
        return self.encode_batch(images)

    def encode_batch(self, images: Sequence[Any]) -> torch.Tensor:
        """Embed pictures as of `encode_images`, in the shape of SpeechBrain's ``encode_batch``.

        Returns
        -------
        torch.Tensor
            (n, 1, embedding_dim) on the encoder's device.
        """
        return self.encode_images(images).unsqueeze(1).to(self.device)

    def encode_images(self, images: Sequence[Any]) -> torch.Tensor:
        """Embed pictures in memory, each by itself and of its own size.

        Arguments
        ---------
        images : sequence of np.ndarray, torch.Tensor or PIL.Image.Image
            As of `as_image`: arrays (height, width, 3), tensors (3, height, width), uint8.

        Returns
        -------
        torch.Tensor
            (n, embedding_dim) float32, on the CPU.

        Raises
        ------
        UserError
            If a picture is of another shape or type, too small, or of one colour; tells which.
        """
        pictures = [as_image(image, self.net.size, f"Picture {number}") for number, image in enumerate(images)]
        stack = torch.stack(pictures) if pictures else torch.zeros(0, 3, self.net.size, self.net.size)
        return embed_images(self.net, stack, self.batch_size)
