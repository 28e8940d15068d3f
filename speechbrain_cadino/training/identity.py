"""A run is what its folder says: settings, data and sources are kept in it, and another experiment is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import speechbrain_cadino
from speechbrain_cadino.corpus.keys import digest_of
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.training.comparison import (
    REMEDY,
    SOURCES,
    compare_settings,
    compare_sources,
    refuse_absent,
    warn_of_changes,
    warn_of_rounding,
)
from speechbrain_cadino.training.run_files import (
    RECORD,
    UTTERANCES,
    check_unclaimed,
    is_begun,
    kept_encoders,
    read_record,
)
from speechbrain_cadino.training.settings_record import SettingsRecord
from speechbrain_cadino.training.sources import ABSENT, run_digests, trials_digest
from speechbrain_cadino.training.utterances import Utterances
from speechbrain_cadino.utils.distributed import world_size
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path


class RunIdentity:
    """What decides the weights of a run, compared with what its output folder was begun with; for the main rank alone.

    `check_settings` comes before anything is built, `check_data` before anything is written; then ``run.json`` and
    ``utterances.npz`` are there. Neither touches a folder that it refuses.

    Arguments
    ---------
    settings : SettingsRecord
        After all overrides; `allowed.FREE` lists what may change.
    folder : str or Path
        The output folder.

    Example
    -------
    >>> import tempfile
    >>> from speechbrain_cadino.corpus.manifest import Manifest
    >>> manifest, folder = Manifest(["a"], ["a.wav"], [0], [16000]), tempfile.mkdtemp()
    >>> identity = RunIdentity(SettingsRecord({"lr": 0.1}, {"lr": 0.1}), folder)
    >>> identity.check_settings()
    >>> identity.check_data(manifest)
    """

    def __init__(self, settings: SettingsRecord, folder: str | Path) -> None:
        self.settings, self.folder = settings, Path(folder)
        self.record = None  # of the start before, if there was one that counts

    def check_settings(self) -> None:
        """Compare settings, and what they lead to, but for the utterances.

        Raises
        ------
        UserError
            If the folder belongs to another experiment, or holds what this run would overwrite.
        """
        self._check_place()
        self.sources = self._sources()
        self.trials = {path: trials_digest(path) for path in self._trial_lists()}
        record = read_record(self.folder)
        if not is_begun(self.folder):
            refuse_absent(self.sources)
        if record is None:
            check_unclaimed(self.folder)
            return
        if "part_of" in record:
            raise UserError(f"{self.folder} is a part of the run in {self.folder.parent}: give another output_folder.")
        if not is_begun(self.folder):
            return
        self.record = record
        warn_of_changes(self.folder, record)
        compare_settings(self.folder, SettingsRecord(**record["settings"]), self.settings)
        compare_sources(self.folder, record, self.sources, self.starts)
        for path, digest in record["trials"].items():
            if digest not in self.trials.values():
                raise UserError(
                    f"The run in {self.folder} held out the trial list {path}, which "
                    f"{'has changed since' if path in self.trials else 'is not given any more, or has changed'}: "
                    f"{REMEDY}."
                )

    def _check_place(self):
        """Checkpoints elsewhere would be taken for those of a run that has not begun."""
        for name in ("save_folder", "checkpointer.checkpoints_dir"):
            save = self.settings.get(name)
            if save is None or os.path.abspath(save) == os.path.abspath(self.folder / "save"):
                continue
            raise UserError(
                f"{name} is {save}, and must be {self.folder / 'save'}, where a run looks for what it has done: "
                "leave it as it is; for another disk make that a link."
            )

    def check_data(self, manifest: Manifest, numbers: dict | None = None) -> None:
        """Compare the training utterances, then keep in the folder what this run is.

        Arguments
        ---------
        manifest : Manifest
        numbers : dict, optional
            What the settings that are ``auto`` come to. They are kept in place of it, so that a run may go on with
            the same numbers given, and is refused with others, be they another version's.

        Raises
        ------
        UserError
            If they are others than those that the run was begun with; a further trial list may have taken some away.
        """
        self.settings = self.settings.filled(numbers or {})
        kept = None if self.record is None else Utterances.load(self.folder / UTTERANCES)
        utterances = Utterances.of(manifest, None if kept is None else kept.whole)
        if kept is None:
            utterances.save(self.folder / UTTERANCES)
        else:
            change = kept.change_to(utterances)
            if change is not None:
                further = [path for path, digest in self.trials.items() if digest not in self.record["trials"].values()]
                why = f" (the trial list {further[0]} was not given when it began)" if further else ""
                raise UserError(f"The utterances of the run in {self.folder} {change}{why}: {REMEDY}.")
            was = SettingsRecord(**self.record["settings"])
            compare_settings(self.folder, was, self.settings)
            warn_of_rounding(self.folder, was, self.settings)  # now that what is auto has its value
        self._write(utterances)

    def before_corpus(self, check: Callable, *args: Any) -> None:
        """Call a check with arguments; not where the run was finished, which does without what it needed."""
        if not (self.record or {}).get("finished"):
            check(*args)

    def is_finished(self) -> bool:
        """Whether the run has come to its end before, with all epochs and iterations that are asked for now.

        All encoders that it made must still be there.
        """
        finished = (self.record or {}).get("finished")
        return finished is not None and finished == {"asked": self._asked(), "encoders": kept_encoders(self.folder)}

    def finish(self) -> None:
        """Note that the run has come to its end."""
        finished, record = {"asked": self._asked(), "encoders": kept_encoders(self.folder)}, read_record(self.folder)
        if record.get("finished") != finished:
            self._dump(record | {"finished": finished})

    def _asked(self):
        get, names = self.settings.get, self.settings.resolved
        large_margin = {name: get(name) for name in names if name.partition(".")[0] == "large_margin"}
        return [get("number_of_epochs"), get("n_iterations"), large_margin]

    def _trial_lists(self):
        lists = [self.settings.get("development_trials"), *(self.settings.get("held_out_trials") or ())]
        return dict.fromkeys(str(path) for path in lists if path is not None)

    def _sources(self):
        """Setting -> [path, digest]; of a run to start from, its identity too."""
        found = {}
        for name, (digest, _) in SOURCES.items():
            path = self.settings.get(name)
            found[name] = [path, None if path is None else digest(path)]
        start, epoch = self.settings.get("start_from"), self.settings.get("start_from_epoch")
        self.starts = [] if start is None else run_digests(start, epoch)
        if start is None:
            return found | {"start_from": [None, None, None]}
        other = (read_record(start) or {}).get("id")
        return found | {"start_from": [start, (self.starts or [ABSENT])[0], other]}

    def _write(self, utterances):
        settings, sources, trials = self.settings._asdict(), dict(self.sources), dict(self.trials)
        if self.record is None:
            record = {"version": speechbrain_cadino.__version__, "ranks": world_size()}
            record["id"] = digest_of([json.dumps([settings, sources, trials]), utterances.digest])
        else:
            record = dict(self.record)
            for name, source in sources.items():  # what is gone, and where the other run has gone on
                if source[1] != record["sources"].get(name, source)[1]:
                    sources[name] = record["sources"][name]
            trials = record["trials"] | trials
        record |= {"settings": settings, "sources": sources, "trials": trials, "utterances": utterances.digest}
        if record != self.record and not self.is_finished():
            self._dump(record)
        self.record = record

    def _dump(self, record):
        with atomic_path(self.folder / RECORD) as temporary:
            temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")
