"""Faces as a modality of stage II: found once, embedded and trained by an encoder of their own, kept as its folder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from speechbrain_cadino.corpus.layout import SESSION_PATTERN
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.corpus.trials import read_trials, utterances_of
from speechbrain_cadino.faces.dataset import FaceDataset
from speechbrain_cadino.faces.digests import face_encoder_digest
from speechbrain_cadino.faces.export import export_face_encoder
from speechbrain_cadino.faces.extract import extract_face_embeddings
from speechbrain_cadino.faces.items import check_face_folder
from speechbrain_cadino.faces.load import load_face_encoder, start_from_face_encoder
from speechbrain_cadino.faces.manifest import FaceManifest
from speechbrain_cadino.faces.model import FaceEncoderNet
from speechbrain_cadino.faces.prepare import prepare_faces
from speechbrain_cadino.faces.recordings import faces_of_recordings
from speechbrain_cadino.faces.table import read_face_manifest
from speechbrain_cadino.utils.distributed import is_main, rank, world_size
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.on_main import on_main
from speechbrain_cadino.utils.settings.kinds import is_whole

logger = logging.getLogger(__name__)

MAX_FACES = 20_000  # so many serve for the mean that the export subtracts


class Faces:
    """A `Modality`: the faces of a corpus, for an entry of ``modalities`` whose encoder is a `FaceEncoderNet`.

    Arguments
    ---------
    face_folder : str or None
        As of `prepare_faces`, like the other arguments that it has.
    size : int
        Pixels of a side of what the encoder is trained on.
    seed : int
        Of the frames and the augmentation that training draws.
    augment : callable or None
        `FaceAugmenter`; None: pictures as they are.
    data_folder : str or None
    development_trials : str or None
        The faces of its utterances are left out, as they are themselves.
    held_out_trials : sequence of str
        As these.
    development_folder, development_face_folder : str or None
        What the names of these lists start from, and the faces of their recordings. None for either: trials are not
        scored by faces.
    face_pattern : str
    faces_alone : bool
    speaker_pattern, session_pattern : str or None
    n_frames : int
        Frames of a face that an embedding is the mean of.
    may_lack_all : bool
        Whether a run in which no face can be used is that of the voices alone, with a warning; else it is refused.

    Raises
    ------
    UserError
        If ``n_frames`` is no number of frames.

    Example
    -------
    >>> Faces(None, size=48, seed=1).is_given
    False
    """

    is_given = False

    def __init__(
        self,
        face_folder: str | None,
        size: int,
        seed: int,
        augment: Callable | None = None,
        data_folder: str | None = None,
        development_trials: str | None = None,
        held_out_trials: Sequence[str] = (),
        development_folder: str | None = None,
        development_face_folder: str | None = None,
        face_pattern: str = SESSION_PATTERN,
        faces_alone: bool = True,
        speaker_pattern: str | None = None,
        session_pattern: str | None = SESSION_PATTERN,
        n_frames: int = 5,
        may_lack_all: bool = False,
    ) -> None:
        if not is_whole(n_frames, low=1):
            raise UserError(f"The faces have n_frames {n_frames}: set a whole number from 1 on, such as 5.")
        self.face_folder, self.data_folder = face_folder, data_folder
        self.size, self.seed, self.augment, self.n_frames = size, seed, augment, n_frames
        self._lists = [*filter(None, [development_trials]), *held_out_trials]
        self._how = dict(
            face_folder=face_folder,
            data_folder=data_folder,
            face_pattern=face_pattern,
            faces_alone=faces_alone,
            speaker_pattern=speaker_pattern,
            session_pattern=session_pattern,
            trials=self._lists,
            needed=not may_lack_all,
        )
        self._of_trials = development_folder, development_face_folder
        self._prepared, self._trial_faces = False, None

    def manifest(self, voices: Manifest, folder: Path) -> FaceManifest:
        """The faces, kept as ``corpus/faces.csv``; of several ranks the main one makes it ready before all read it."""
        save_folder = Path(folder) / "corpus"
        if is_main() and not self._prepared:
            prepare_faces(save_folder, voices, **self._how)
            self._find_trial_faces(save_folder / "trials")
            self._prepared = True
        faces = read_face_manifest(save_folder / "faces.csv", self.data_folder, self.face_folder)
        if is_main() and len(faces) and not np.isin(faces.ids, voices.ids).any():
            logger.warning(
                "None of the %d faces is of an utterance: check face_folder and face_pattern, by which %s, such as %s, "
                "would have one.",
                len(faces), voices.ids[0], faces.paths[0],
            )  # fmt: skip
        return faces

    def digest(self, manifest: FaceManifest) -> str:
        """Of items, frames and what the pictures hold."""
        return manifest.digest()

    def dataset(self, manifest: FaceManifest) -> FaceDataset:
        """A random frame of each, augmented and clean."""
        return FaceDataset(manifest, self.size, self.seed, self.augment)

    def encoder_digest(self, source: str | Path) -> str:
        """Of a face encoder's folder."""
        return face_encoder_digest(source)

    def embed(
        self,
        source: str | Path,
        manifest: FaceManifest,
        folder: Path,
        device: torch.device | str | None,
        compensation: Callable | None,
    ) -> tuple[np.ndarray, list]:
        """As `extract_face_embeddings`, by the encoder of a folder."""
        net = load_face_encoder(source, device or "cpu")[0]
        if not len(manifest):
            return np.zeros((0, net.embedding_dim), dtype=np.float32), []
        if compensation is not None:
            net = compensation(net, manifest)
        content = on_main(manifest.digest)
        return extract_face_embeddings(net, manifest, folder, rank(), world_size(), self.n_frames, content=content)

    def embed_trials(self, source: str | Path, device: torch.device | str | None) -> tuple[np.ndarray, list] | None:
        """As `extract_face_embeddings`, of the recordings of the trial lists; on the main rank alone."""
        if self._trial_faces is None:
            return None
        net = load_face_encoder(source, device or "cpu")[0]
        return extract_face_embeddings(net, self._trial_faces, n_frames=self.n_frames, progress=False)

    def _find_trial_faces(self, save_folder):
        """Told now, not after the first iteration."""
        if not self._lists:
            return
        names = utterances_of(map(read_trials, self._lists))
        if None in self._of_trials:
            logger.warning("Trials are not scored by faces: set development_face_folder.")
            return
        check_face_folder(self._of_trials[1], "development_face_folder")
        print("Of the recordings of the trial lists:")
        folders = *self._of_trials, save_folder
        faces = faces_of_recordings(names, *folders, self._how["face_pattern"], needed=False)
        if len(faces) > 1:
            self._trial_faces = faces
        else:  # of one alone there is no trial
            logger.warning(
                "%d recordings of the trial lists have a face: check development_face_folder. Trials are not scored by "
                "faces.",
                len(faces),
            )

    def start(self, encoder: FaceEncoderNet, source: str | Path) -> None:
        """As `start_from_face_encoder`."""
        start_from_face_encoder(encoder, source)

    def keep(self, encoder: FaceEncoderNet, manifest: FaceManifest, folder: Path, info: dict) -> dict[str, float]:
        """Export the encoder, with the mean of the embeddings of up to 20,000 faces subtracted."""
        rows = manifest.one_of_each_set()
        rows = np.sort(np.random.default_rng(self.seed).permutation(rows)[:MAX_FACES])
        embeddings, _ = extract_face_embeddings(encoder, manifest.subset(rows), n_frames=self.n_frames)
        export_face_encoder(encoder, folder, embeddings.mean(axis=0, dtype=np.float64), info=info)
        logger.info("The face encoder is in %s.", folder)
        return {}
