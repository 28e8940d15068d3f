"""Trial lists scored into a folder: score files, decisions, a table, and the embeddings for a next time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from speechbrain_cadino.corpus.held_out import drop_held_out
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.corpus.trials import Trials, read_trials, utterance_paths
from speechbrain_cadino.corpus.whole_files import whole_files
from speechbrain_cadino.encoder.extract import extract_embeddings
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.faces.model import FaceEncoderNet
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path
from speechbrain_cadino.verification.decisions import AS_NORM, COSINE, PLDA, Decider
from speechbrain_cadino.verification.enrolment import enrolled, read_models, tests_of_enrolment
from speechbrain_cadino.verification.evaluation import evaluate
from speechbrain_cadino.verification.list_files import file_bytes, remove_older, score_names
from speechbrain_cadino.verification.report import format_table, metrics_row, write_scores
from speechbrain_cadino.verification.sides import face_side, fused, voice_side, with_scores

SAID = {AS_NORM: "AS-norm", PLDA: "PLDA", f"{PLDA}_{AS_NORM}": "PLDA, AS-norm"}


class ListVerifier:
    """Scores trial lists into a folder.

    Arguments
    ---------
    trials : sequence of str or Path
        Trial lists, with labels or without.
    data_folder : str or Path
        What their names start from.
    output_folder : str or Path
    models : str or Path, optional
        A list of ``model file``, see `read_models`: the trials' enrolment sides name these models.
    batch_seconds : float
        As of `extract_embeddings`.

    Raises
    ------
    UserError
        If a list is no good, has trials of one kind alone, or names models without files.
    """

    def __init__(
        self,
        trials: Sequence[str | Path],
        data_folder: str | Path,
        output_folder: str | Path,
        models: str | Path | None = None,
        batch_seconds: float = 200.0,
    ) -> None:
        self.paths, self.data_folder, self.output = list(map(Path, trials)), data_folder, Path(output_folder)
        self.lists = [read_trials(path, labelled=False) for path in trials]
        self.models_path, self.models = models, None if models is None else read_models(models)
        self.batch_seconds = batch_seconds
        for path, one in zip(self.paths, self.lists):
            n_same = tests_of_enrolment(*enrolled(one, self.models)) if self.models is not None else 0
            if n_same:
                print(f"{n_same} of {len(one.enrol)} trials of {path} test a model by a file that enrols it.")
            if one.labels is not None and len({*one.labels.tolist()}) < 2:
                raise UserError(f"{path} has trials of one kind alone: give a list with labels 0 and 1 both, or none.")

    def check_files(self) -> None:
        """Refuse absent files, before other ones are embedded for hours."""
        for one in self.lists:
            names = [name for of in enrolled(one, self.models)[1] for name in of]
            utterance_paths(Trials(None, None, None, list(dict.fromkeys(names))), self.data_folder)

    def scoring(
        self,
        net: SpeakerEncoderNet,
        mean: str | Path | None = None,
        cohort: str | Path | None = None,
        cohort_folder: str | Path | None = None,
        top_n: int = 300,
    ) -> dict:
        """Embed what scores are made with: what `evaluate` takes as ``mean``, ``cohort`` and ``top_n``.

        Arguments
        ---------
        net : SpeakerEncoderNet
        mean, cohort : str or Path, optional
            A folder, a CSV or a file list. What the trials name is left out of the cohort.
        cohort_folder : str or Path, optional
            What both start from; default: the data folder.
        top_n : int
        """
        root = cohort_folder or self.data_folder
        center = None if mean is None else self._embed(net, read_utterances(mean, root), "mean").mean(axis=0)
        if cohort is not None:
            cohort = self._embed(net, self.others(cohort, root), "cohort")
        return dict(mean=center, cohort=cohort, top_n=top_n)

    def others(self, source: str | Path, root: str | Path | None = None) -> Manifest:
        """The utterances of a folder, a CSV or a file list that neither the trials nor the models name."""
        out = [*self.paths, *([] if self.models_path is None else [self.models_path])]
        return read_utterances(source, root or self.data_folder, out, self.data_folder)

    def by_voice(self, net: SpeakerEncoderNet, scoring: Mapping, decider: Decider) -> list[dict]:
        """Write ``scores_LIST.txt`` and ``decisions_LIST.csv``; gives rows for a table.

        With a cohort also ``scores_LIST_as_norm.txt``, with a PLDA in ``scoring`` ``scores_LIST_plda.txt``, with both
        ``scores_LIST_plda_as_norm.txt``. Decisions go by the cosine.
        """
        rows, named = [], [PLDA] * (scoring.get("plda") is not None) + [AS_NORM] * (scoring["cohort"] is not None)
        kind = "_".join(named)
        found = evaluate(net, self.lists, self.data_folder, models=self.models, **scoring, **self.kept("trials"))
        for path, name, trials, one in zip(self.paths, score_names(self.paths), self.lists, found):
            decided = [f"decisions_{name}.csv"] if decider != Decider(None) else []
            files = [f"scores_{name}.txt", *([f"scores_{name}_{kind}.txt"] if kind else []), *decided]
            before = file_bytes(self.output / files[0])
            write_scores(self.output / f"scores_{name}.txt", trials, one.cosines)
            decisions = decider.rates(one.cosines, trials.labels)
            row = {"list": path.stem, "trials": len(trials.enrol)}
            if kind:
                write_scores(self.output / f"scores_{name}_{kind}.txt", trials, one.scores)
                plain = {} if trials.labels is None else metrics_row(one.cosines, trials.labels)
                rows += [row | {"scored by": COSINE} | plain | decisions, row | {"scored by": SAID[kind]} | one.metrics]
            else:
                rows.append(row | one.metrics | decisions)
            for file in decided:
                decider.write(self.output / file, trials, one, kind)
            self._clear(name, files, before)
        return rows

    def by_voice_and_face(
        self,
        net: SpeakerEncoderNet,
        face_net: FaceEncoderNet,
        scoring: Mapping,
        face_folder: str | Path,
        face_pattern: str,
        face_weight: float = 1.0,
    ) -> list[dict]:
        """Write ``scores_LIST_SIDE.txt`` of voice (``voice_as_norm`` with a cohort), face and both together."""
        sides = {"voice": voice_side(net, self.lists, self.data_folder, dict(scoring), **self.kept("trials"))}
        kept = self.output / "embeddings" / "faces"
        about = self.lists, self.data_folder, face_folder, self.output, face_pattern
        sides["face"] = face_side(face_net, *about, folder=kept)
        rows, names = [], {"voice": f"voice_{AS_NORM}"} if scoring["cohort"] is not None else {}
        scored = fused(sides, self.lists, {"face": face_weight})
        for path, name, trials, (scores, metrics) in zip(self.paths, score_names(self.paths), self.lists, scored):
            files = {side: f"scores_{name}_{names.get(side, side)}.txt" for side in scores}
            before = file_bytes(self.output / files["voice"])
            for side, own in scores.items():
                write_scores(self.output / files[side], *with_scores(trials, own))
            self._clear(name, list(files.values()), before)
            rows += [{"list": path.stem, **row} for row in metrics]
        return rows

    def write_table(self, rows: Sequence[dict]) -> str:
        """Write ``metrics.md``; gives its text."""
        table = format_table(rows)
        with atomic_path(self.output / "metrics.md") as temporary:
            temporary.write_text(table + "\n", encoding="utf-8")
        return table

    def kept(self, name: str) -> dict:
        """What `extract_embeddings` is told, to keep embeddings in the output folder under a name."""
        return dict(folder=self.output / "embeddings" / name, batch_seconds=self.batch_seconds)

    def _clear(self, name, written, before):
        older = remove_older(self.output, name, written, before)
        if older:
            print(f"Of a call before with other scores, so removed from {self.output}: {', '.join(older)}.")

    def _embed(self, net, utterances, name):
        return extract_embeddings(net, utterances, **self.kept(name))[0]


def read_utterances(
    source: str | Path,
    folder: str | Path,
    trials: Sequence[str | Path] = (),
    trials_folder: str | Path | None = None,
) -> Manifest:
    """The manifest of a folder, a CSV or a file list, without the utterances of trial lists; says what is left out.

    Arguments
    ---------
    source : str or Path
    folder : str or Path
        What the names of a list start from, and ``$data_root`` of a CSV.
    trials : sequence of str or Path
        Lists, also of models, whose utterances are left out.
    trials_folder : str or Path, optional
        What their names start from.
    """
    found = whole_files(source, folder)
    manifest = found.manifest
    for name, reason in found.rejected[:1]:
        n_all = len(found.rejected)
        print(f"{n_all} rows or files of {source} cannot be used or are not as it says, the first: {name} {reason}.")
    if not trials:
        return manifest
    root = source if Path(source).is_dir() else folder
    manifest, out = drop_held_out(manifest, source, trials, root, [trials_folder])
    print(f"{int(out.mask.sum())} files of {source} are left out, since the trials name them.")
    for sentence in out.sentences():
        print(sentence)
    return manifest
