"""Speakers enrolled by several recordings: a model is the mean of their embeddings, each brought to length 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.trials import Trials, read_trials
from speechbrain_cadino.utils.errors import UserError


def read_models(path: str | Path) -> dict[str, list[str]]:
    """Read which recordings enrol which speaker: on each line ``model file``, a model on as many lines as it has files.

    Arguments
    ---------
    path : str or Path
        UTF-8; names with blanks as of `read_trials`.

    Returns
    -------
    dict of str to list of str
        Files by model, each once, in their order.

    Raises
    ------
    UserError
        If the file cannot be read, or a line has not two fields.

    Example
    -------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "models.txt")
    >>> _ = path.write_text("anna 1.wav\\nbert 3.wav\\nanna 2.wav\\n")
    >>> read_models(path)
    {'anna': ['1.wav', '2.wav'], 'bert': ['3.wav']}
    """
    listed = read_trials(path, labelled=False)
    if listed.labels is not None:
        raise UserError(f"{path} has three fields a line, as trial lists have: write 'model file'.")
    models = {}
    for model, file in zip(listed.enrol.tolist(), listed.test.tolist()):
        models.setdefault(listed.utterances[model], {})[listed.utterances[file]] = None
    return {model: list(files) for model, files in models.items()}


def enrolled(trials: Trials, models: Mapping[str, Sequence[str]] | None) -> tuple[Trials, list[list[str]]]:
    """A list whose enrolment side names models, and the files behind each name of it.

    Arguments
    ---------
    trials : Trials
    models : mapping of str to sequence of str, or None
        Files by model, as of `read_models`. None: both sides name files.

    Returns
    -------
    trials : Trials
        A name that is both a model's and a file's comes twice among its utterances.
    files : list of list of str
        Of each of these utterances.

    Raises
    ------
    UserError
        If a model is not among the models.

    Example
    -------
    >>> trials = Trials(None, np.array([0]), np.array([1]), ["anna", "3.wav"])
    >>> enrolled(trials, {"anna": ["1.wav", "2.wav"]})[1]
    [['1.wav', '2.wav'], ['3.wav']]
    """
    if models is None:
        return trials, [[name] for name in trials.utterances]
    names = np.array([*trials.utterances, ""], dtype=object)
    sides = []
    for side in (trials.enrol, trials.test):
        used, place = np.unique(side, return_inverse=True)
        sides.append((names[used].tolist(), place))
    (enrol, enrol_place), (test, test_place) = sides
    absent = [name for name in enrol if name not in models]
    if absent:
        raise UserError(
            f"{len(absent)} of {len(enrol)} models that the trials name have no files, such as {absent[0]}: add a line "
            "'model file' for each of its files."
        )
    files = [list(models[name]) for name in enrol] + [[name] for name in test]
    return Trials(trials.labels, enrol_place, len(enrol) + test_place, enrol + test), files


def tests_of_enrolment(trials: Trials, files: Sequence[Sequence[str]]) -> int:
    """How many trials test a model by one of its own files; the arguments are what `enrolled` gives."""
    own = [set(of) for of in files]
    return sum(files[test][0] in own[enrol] for enrol, test in zip(trials.enrol.tolist(), trials.test.tolist()))


def model_embeddings(
    embeddings: np.ndarray, rows: Mapping[str, int], files: Sequence[Sequence[str]], mean: np.ndarray | None = None
) -> np.ndarray:
    """One embedding for each name: that of its file, or the mean of several at length 1, centered.

    Arguments
    ---------
    embeddings : np.ndarray
        (n, dim)
    rows : mapping of str to int
        File to its row.
    files : sequence of sequence of str, (m,)
        As `enrolled` gives them.
    mean : np.ndarray, optional
        (dim,), which whoever scores subtracts: it is so before the mean over files is taken.

    Returns
    -------
    np.ndarray
        (m, dim) float32, ``mean`` not subtracted.

    Example
    -------
    >>> model_embeddings(np.array([[3.0, 0.0], [0.0, 0.5]]), {"1.wav": 0, "2.wav": 1}, [["1.wav", "2.wav"], ["2.wav"]])
    array([[0.5, 0.5],
           [0. , 0.5]], dtype=float32)
    """
    found = np.array([embeddings[rows[of[0]]] for of in files], dtype=np.float32)
    shift = np.zeros(found.shape[1]) if mean is None else np.asarray(mean, dtype=np.float64)
    for row, of in enumerate(files):
        if len(of) > 1:
            own = embeddings[[rows[name] for name in of]] - shift
            found[row] = (own / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-12)).mean(axis=0) + shift
    return found
