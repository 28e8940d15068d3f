"""What a run reads besides its utterances, by content: label tables, encoders, other runs, noise, trial lists."""

from __future__ import annotations

import hashlib
from pathlib import Path

from speechbrain.utils.checkpoints import METAFNAME

from speechbrain_cadino.corpus.columns import read_columns
from speechbrain_cadino.corpus.fingerprints import file_fingerprints, folder_digest
from speechbrain_cadino.corpus.keys import digest_of
from speechbrain_cadino.encoder.export import METADATA
from speechbrain_cadino.encoder.folder import ABSENT, weights_digest
from speechbrain_cadino.encoder.self_supervised_weights import WEIGHTS
from speechbrain_cadino.encoder.speechbrain_folder import is_speechbrain_folder, speechbrain_digest
from speechbrain_cadino.training.checkpoint_files import CHECKSUMS, recency
from speechbrain_cadino.training.checkpoints import SafeCheckpointer
from speechbrain_cadino.utils.errors import UserError


def file_digest(path: str | Path) -> str:
    """A digest of a file's bytes, `ABSENT` if it cannot be read."""
    try:
        return hashlib.blake2b(Path(path).read_bytes(), digest_size=16).hexdigest()
    except OSError:
        return ABSENT


def encoder_digest(folder: str | Path) -> str:
    """A digest of the weights and the features of an encoder folder; what else lies in it doesn't matter.

    Of a folder of SpeechBrain's own, of all its files.
    """
    if is_speechbrain_folder(folder):
        return speechbrain_digest(folder)
    return weights_digest(folder, METADATA, "embedding_model.ckpt")


def weights_file_digest(path: str | Path) -> str:
    """A digest of a file of weights, or of the configuration and weights in a folder of transformers."""
    files = [path] if Path(path).is_file() else [Path(path) / name for name in ("config.json", *WEIGHTS)]
    digests = [file_digest(file) for file in files]
    return ABSENT if set(digests) == {ABSENT} else digest_of(digests)


def run_digests(folder: str | Path, epoch: int | None = None) -> list[str]:
    """Digests of the end-of-epoch checkpoints of a run, the one that a new run would start from first.

    Arguments
    ---------
    folder : str or Path
        The run's output folder.
    epoch : int, optional
        As of `load_from_run`.

    Returns
    -------
    list of str
        Empty if there are none.
    """
    if not (Path(folder) / "save").is_dir():
        return []
    checkpointer = SafeCheckpointer(Path(folder) / "save")
    # Not by its own search, which reads all files of all checkpoints to see whether they are intact.
    found = [
        one
        for one in checkpointer._construct_checkpoint_objects(checkpointer._list_checkpoint_dirs())
        if (one.path / CHECKSUMS).is_file()
        and one.meta.get("end-of-epoch")
        and "epoch" in one.meta
        and epoch in (None, one.meta["epoch"])
    ]
    found.sort(key=lambda one: (one.meta["epoch"], recency(one)), reverse=True)
    return [_checkpoint_digest(one.path) for one in found]


def data_digest(path: str | Path) -> str:
    """A digest of the files of a noise or room-response folder, or of those that a CSV names: contents and names."""
    if Path(path).is_dir():
        return folder_digest(path)
    try:
        wavs = read_columns(path, "")["wav"].tolist()
    except (OSError, UserError):  # reading it for training tells what is wrong
        wavs = []
    return digest_of([file_digest(path), *file_fingerprints(wavs)[0].tolist()])


def trials_digest(path: str | Path) -> str:
    """A digest of a trial list's bytes; a `UserError` if it cannot be read."""
    digest = file_digest(path)
    if digest == ABSENT:
        raise UserError(f"The trial list {path} cannot be read: give the path of one.")
    return digest


def _checkpoint_digest(folder):
    lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    return digest_of([line for line in lines if not line.endswith(f"  {METAFNAME}")])  # that one has the time in it
