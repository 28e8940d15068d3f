"""An encoder folder as one ONNX file, with features, mean and threshold inside: ONNX Runtime needs nothing else."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.encoder.embed import MIN_SECONDS
from speechbrain_cadino.encoder.folder import ONNX_FILE, ONNX_INT8_FILE, weights_digest
from speechbrain_cadino.encoder.load import load_encoder
from speechbrain_cadino.faces.digests import face_encoder_digest
from speechbrain_cadino.faces.load import load_face_encoder
from speechbrain_cadino.publish.int8 import quantise
from speechbrain_cadino.publish.onnx_metadata import add_metadata, drop_traces
from speechbrain_cadino.publish.traceable import Traceable, any_batch
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.extras import need
from speechbrain_cadino.utils.files import atomic_path
from speechbrain_cadino.utils.places import ENCODER, FACE_ENCODER
from speechbrain_cadino.utils.settings.faults import fault_line

logger = logging.getLogger(__name__)

TOLERANCE = 1e-4  # of the largest number in an embedding, but at least of 1
OPSET = 18
OUTPUT = "embeddings"


@dataclass(frozen=True)
class _Source:
    """What is to be exported: the network, what the folder's JSON says, and what it is asked with."""

    net: torch.nn.Module
    metadata: dict
    digest: str
    input: str
    says: str
    dynamic: dict
    inputs: tuple  # (batch, ...) each, to trace with the first and to compare by all


def export_onnx(folder: str | Path, path: str | Path | None = None, int8: bool = False) -> Path:
    """Write an encoder folder as an ONNX file, and compare it with the encoder before it gets its name.

    The one input is ``waves``, (batch, time) float32 at 16 kHz, or ``images``, (batch, 3, size, size) uint8; batch and
    time may be any. The one output, ``embeddings`` (batch, embedding_dim) float32, is what `SpeakerEncoder` or
    `FaceEncoder` gives: within 1e-4. All waves of a batch count in full, so waves of different lengths go in one by
    one. The file's metadata has ``sample_rate``, ``threshold`` and what else the folder's JSON says.

    Arguments
    ---------
    folder : str or Path
        Of `export_encoder` or `export_face_encoder`.
    path : str or Path, optional
        Ends with ``.onnx``. Default: ``model.onnx`` in the folder, or ``model_int8.onnx``.
    int8 : bool
        Weights of the matrix products, and while it runs their inputs, in 8 bits: a smaller file, other embeddings.
        ``docs/experiments/onnx.md`` has what that costs.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UserError
        If ``onnx``, ``onnxruntime`` or ``onnxscript`` is missing, the folder holds no encoder, the path is no place
        for the file, or the encoder cannot be written as ONNX or gives other embeddings there.
    """
    for module in ("onnx", "onnxscript", "onnxruntime"):
        need(module, "onnx", "Export to ONNX needs")
    folder = Path(folder)
    path = Path(path) if path is not None else folder / (ONNX_INT8_FILE if int8 else ONNX_FILE)
    if path.suffix != ".onnx" or path.is_dir():
        raise UserError(f"The ONNX file is to be {path}: give a file that ends with .onnx.")
    source = _read(folder)
    with atomic_path(path) as temporary:
        _write(source, temporary)
        _compare(source, temporary, folder)
        if int8:
            quantise(temporary)
            _tell_change(source, temporary)
        of_file = {"input": source.says, "score": "cosine", "weights": source.digest, "int8": int8}
        if source.input == "waves":
            of_file["min_seconds"] = MIN_SECONDS
        add_metadata(temporary, {**source.metadata, **of_file}, source.dynamic)
    return path


def _read(folder):
    """The encoder of a folder, of voices or faces, and what it is asked with."""
    rng = np.random.default_rng(0)
    if (folder / FACE_ENCODER).is_file() and not (folder / ENCODER).is_file():
        net, metadata = load_face_encoder(folder)
        size = net.size
        images = [rng.integers(0, 256, (batch, 3, size, size), dtype=np.uint8) for batch in (2, 1, 3)]
        says = f"(batch, 3, {size}, {size}) uint8, RGB, aligned crops of faces"
        digest = face_encoder_digest(folder)
        return _Source(net, metadata, digest, "images", says, {0: "batch"}, tuple(images))
    net, metadata = load_encoder(folder)
    samples = [(2, 24321), (1, round(MIN_SECONDS * SAMPLE_RATE)), (3, 8000), (1, 160037)]
    waves = tuple(0.1 * rng.standard_normal(shape, dtype=np.float32) for shape in samples)
    says = f"(batch, time) float32, {SAMPLE_RATE} Hz, from -1 to 1, at least {MIN_SECONDS} s"
    digest = weights_digest(folder, ENCODER, "embedding_model.ckpt")
    return _Source(net, metadata, digest, "waves", says, {0: "batch", 1: "time"}, waves)


def _write(source, path):
    try:
        with warnings.catch_warnings(), any_batch(), torch.no_grad():
            warnings.simplefilter("ignore")  # about the exporter's own workings
            dynamic = dict.fromkeys(source.dynamic, torch.export.Dim.DYNAMIC)
            inputs = (torch.from_numpy(source.inputs[0]),)
            # By itself the exporter would try other ways where this one fails, of which some fix the batch.
            program = torch.export.export(Traceable(source.net), inputs, dynamic_shapes=(dynamic,), strict=False)
            torch.onnx.export(
                program,
                f=str(path),
                input_names=[source.input],
                output_names=[OUTPUT],
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        drop_traces(path)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # whatever the exporter makes of a module that it cannot follow
        raise UserError(
            f"This encoder cannot be written as ONNX ({fault_line(error)}): use its folder with this package."
        ) from error


def _run(path, inputs):
    """What ONNX Runtime makes of each input."""
    session = need("onnxruntime", "onnx", "Export to ONNX needs").InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return [session.run(None, {name: one})[0] for one in inputs]


def _wanted(source):
    with torch.no_grad():
        return [source.net(torch.from_numpy(one)).numpy() for one in source.inputs]


def _compare(source, path, folder):
    """Refuse a file that does not give the encoder's embeddings, whatever the batch and the length."""
    try:
        found = _run(path, source.inputs)
    except Exception as error:  # ONNX Runtime has classes of its own
        raise UserError(
            f"ONNX Runtime does not run the encoder of {folder} ({fault_line(error)}): use the folder itself."
        ) from error
    for one, other in zip(found, _wanted(source)):
        worst = np.abs(one - other).max() if one.shape == other.shape else np.inf
        if not worst <= TOLERANCE * max(1.0, np.abs(other).max()):
            raise UserError(
                f"The encoder of {folder} gives other embeddings as ONNX (by {worst:.2g}), so it was not written: use "
                "its folder with this package."
            )


def _tell_change(source, path):
    """How far int8 is from the encoder, on noise: what the file does to speech only trials tell."""
    cosines = [
        (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
        for one, other in zip(_run(path, source.inputs), _wanted(source))
    ]
    lowest = float(np.concatenate(cosines).min())
    if not lowest > 0:
        raise UserError("In int8 the encoder's embeddings have nothing in common with its own: export it without int8.")
    logger.warning(
        "int8 changes the embeddings: of noise, their cosine to the encoder's own is %.4f or more. Score trials of "
        "your own before you use it.",
        lowest,
    )
