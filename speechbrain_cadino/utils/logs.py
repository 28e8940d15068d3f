"""What a training says on the screen, and what in its log.txt: lines for people here, details there."""

from __future__ import annotations

import logging
from pathlib import Path

OURS = "speechbrain_cadino"
# What these say below a warning is for their developers: the screen does without.
CHATTY = {
    "speechbrain", "matplotlib", "PIL", "numba", "numexpr", "fontTools", "tensorboard", "torch", "torchaudio",
    "torio", "urllib3", "filelock", "fsspec", "h5py", "asyncio", "wandb", "transformers", "huggingface_hub",
}  # fmt: skip
IN_FILE_ONLY = {"in_file_only": True}  # the ``extra`` of a record that is no news for the screen
_verbose = False


def log_config(verbose: bool = False) -> str:
    """The settings of the log, for SpeechBrain's ``create_experiment_directory``.

    Arguments
    ---------
    verbose : bool
        Whether the screen shows what SpeechBrain says, and the details, each with its origin.

    Returns
    -------
    str
        The path of a YAML.

    Example
    -------
    >>> Path(log_config()).name
    'log-config.yaml'
    """
    global _verbose  # logging itself is global, and builds what the YAML names without arguments
    _verbose = verbose
    return str(Path(__file__).with_name("log-config.yaml"))


def _origin(record):
    return record.name.partition(".")[0]


class ForConsole(logging.Filter):
    """Lets through what the screen shows."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Warnings; what is told of the run; and if it is to be verbose, SpeechBrain and details."""
        if record.levelno >= logging.WARNING:
            return True
        if _verbose:
            return _origin(record) == OURS or record.levelno >= logging.INFO
        told = record.levelno >= logging.INFO and not getattr(record, "in_file_only", False)
        return told and _origin(record) not in CHATTY


class ForFile(logging.Filter):
    """Lets through what log.txt keeps."""

    def filter(self, record: logging.LogRecord) -> bool:
        """All but what other packages say for debugging."""
        return record.levelno >= logging.INFO or _origin(record) == OURS


class ConsoleFormatter(logging.Formatter):
    """The sentence alone, or with its origin if it is to be verbose."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the trace of an exception if there is one."""
        text = super().format(record)
        if _verbose:
            return f"{record.name} - {text}"
        return f"{record.levelname.lower()}: {text}" if record.levelno >= logging.WARNING else text
