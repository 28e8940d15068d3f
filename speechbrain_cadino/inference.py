"""Use a trained encoder: embeddings of speech of any length or of faces, and decisions on pairs of files."""

from __future__ import annotations

import logging

import numpy as np

from speechbrain_cadino.encoder.load import load_encoder
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.encoder.verifier import Verifier
from speechbrain_cadino.encoder.waves import WaveEncoder
from speechbrain_cadino.faces.load import load_face_encoder
from speechbrain_cadino.faces.model import FaceEncoderNet
from speechbrain_cadino.faces.pictures import PictureEncoder
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.calibration import Calibration
from speechbrain_cadino.verification.scoring import ROUNDING

logger = logging.getLogger(__name__)


class SpeakerEncoder(Verifier, WaveEncoder):
    """An encoder folder in use: embeddings as of `WaveEncoder`, and decisions.

    The mean of the training embeddings is subtracted inside the encoder, so the cosine of two embeddings is the score.

    Arguments
    ---------
    net : SpeakerEncoderNet
        The encoder, mean subtraction included.
    threshold : float, optional
        Cosine from which two utterances count as one speaker's.
    metadata : dict, optional
        What ``encoder.json`` says.
    batch_seconds, max_seconds : float
        As for `embed_utterances`: audio in one batch, and in one piece of a long utterance.

    Example
    -------
    >>> encoder = SpeakerEncoder.from_folder("results/encoder")  # doctest: +SKIP
    >>> encoder.encode_files(["a.wav", "b.flac"]).shape  # doctest: +SKIP
    torch.Size([2, 192])
    >>> score, same = encoder.verify_files("a.wav", "b.flac")  # doctest: +SKIP
    """

    _load = staticmethod(load_encoder)

    def __init__(
        self,
        net: SpeakerEncoderNet,
        threshold: float | None = None,
        metadata: dict | None = None,
        batch_seconds: float = 200.0,
        max_seconds: float = 300.0,
    ) -> None:
        super().__init__(net, batch_seconds, max_seconds)
        self.threshold, self.metadata = threshold, metadata or {}

    def probability(self, score: float, seconds_x: float, seconds_y: float, prior: float = 0.5) -> float:
        """The probability that two utterances are of one speaker, as pairs of training utterances tell it.

        Arguments
        ---------
        score : float
            Cosine of their embeddings.
        seconds_x, seconds_y : float
            Their durations; those outside what the calibration was fitted on (``metadata["calibration"]["seconds"]``)
            count as its nearest end. Of one that is shorter, a warning says that the probability is not fitted to it.
        prior : float
            The probability before they are heard, between 0 and 1.

        Returns
        -------
        float

        Raises
        ------
        UserError
            If the encoder was exported without a calibration, or a score, a duration or the prior is none.
        """
        if not self.metadata.get("calibration"):
            raise UserError("The encoder was exported without a calibration of its scores: export it again.")
        if any(np.ndim(number) for number in (score, seconds_x, seconds_y)):
            raise UserError(
                "probability takes one score and two durations: ask it for one pair of utterances at a time."
            )
        calibration = Calibration.from_dict(self.metadata["calibration"])
        probability = float(calibration.probability(score, seconds_x, seconds_y, prior))  # tells what is no number
        if abs(float(score)) > 1 + ROUNDING:
            raise UserError(f"score is {float(score):g}: scores are cosines, so give one from -1 to 1.")
        shortest = calibration.shortest or (calibration.seconds or (0.0,))[0]
        if min(seconds_x, seconds_y) < shortest:
            logger.warning(
                "%.2g s of speech count as %.2g s, the shortest that probabilities were fitted on: so little is like "
                "another speaker's, so a low probability says less than it seems to.",
                min(seconds_x, seconds_y),
                shortest,
            )
        return probability


class FaceEncoder(Verifier, PictureEncoder):
    """A face encoder's folder in use: embeddings as of `PictureEncoder`, and decisions.

    Arguments
    ---------
    net : FaceEncoderNet
        The encoder, mean subtraction included.
    threshold : float, optional
        Cosine from which two faces count as one person's.
    metadata : dict, optional
        What ``face_encoder.json`` says.
    n_frames, batch_size : int
        As for `embed_faces`: frames of a folder that count, and pictures at once.

    Example
    -------
    >>> encoder = FaceEncoder.from_folder("results/face_encoder")  # doctest: +SKIP
    >>> encoder.encode_files(["a.jpg", "folder_of_frames"]).shape  # doctest: +SKIP
    torch.Size([2, 512])
    >>> score, same = encoder.verify_files("a.jpg", "folder_of_frames")  # doctest: +SKIP
    """

    _load = staticmethod(load_face_encoder)

    def __init__(
        self,
        net: FaceEncoderNet,
        threshold: float | None = None,
        metadata: dict | None = None,
        n_frames: int = 5,
        batch_size: int = 64,
    ) -> None:
        super().__init__(net, n_frames, batch_size)
        self.threshold, self.metadata = threshold, metadata or {}
