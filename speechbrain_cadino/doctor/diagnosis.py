"""The examination of a run: all rules over its record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

from speechbrain_cadino.doctor import curves, labels, progress
from speechbrain_cadino.doctor.corpus import labels_of
from speechbrain_cadino.doctor.finding import DOUBTFUL, NOTE, Finding, by_severity
from speechbrain_cadino.doctor.of_part import about_part
from speechbrain_cadino.doctor.part import Part
from speechbrain_cadino.doctor.record import EPOCHS, LABELS, RunRecord, read_run
from speechbrain_cadino.training.left_files import MISSING
from speechbrain_cadino.training.suspects import USUAL, unusual

NO_AUGMENTATION = "No view is augmented"
OWN_RULES = ("The gate was open", "The gate let every", "In epoch", "No label was corrected")  # see `stage_two`


@dataclass
class Diagnosis:
    """What was found.

    Arguments
    ---------
    record : RunRecord
    findings : list of Finding
        The most serious first.
    standing : list of str
        Sentences beside the curves of healthy runs.
    """

    record: RunRecord
    findings: list
    standing: list

    @property
    def worst(self) -> str | None:
        """The level of the most serious finding, None if there is none."""
        return self.findings[0].level if self.findings else None


def examine(folder: str | Path) -> Diagnosis:
    """Examine a run by its folder alone; nothing is written.

    Arguments
    ---------
    folder : str or Path
        The output folder of `train.py`.

    Raises
    ------
    UserError
        If there is nothing of a run in it.
    """
    record = read_run(folder)
    findings, standing = [*_of_run(record)], []
    for number, part in enumerate(record.parts):
        name = part.name if len(record.parts) > 1 else ""
        gates = record.log.gates[number] if len(record.log.gates) == len(record.parts) else {}
        found = [*_table(part, record), *about_part(part, record, gates), *_clusters(part, record)]
        told, late = _beside(part, record)
        findings += [replace(one, part=name) for one in (*found, *late)]
        standing += [f"{name[0].upper()}{name[1:]}: {one}" if name else one for one in told]
    findings += labels.by_iteration(record.iterations)
    if any(one.rule == "collapsed" and one.seen == record.log.end for one in findings):  # it says why it ended
        findings = [one for one in findings if one.rule != "stopped"]
    return Diagnosis(record, by_severity(findings), standing)


def _of_run(record: RunRecord) -> Iterator[Finding]:
    parts, log = record.parts, record.log
    if not record.running and not record.finished:
        last = parts[-1] if parts else Part("", record.folder, settings=record.settings)
        what = "The run" if not last.name else f"The run, in {last.name},"
        if not (last.is_over and not log.end and not record.version):  # an old version notes no end
            yield progress.stopped(last.epochs, last.limit, log.end, what)
    steps = [_steps(part, record) for part in parts]
    losses = [row.get("loss") for part in parts for row in part.trained]
    yield from _said(progress.not_finite(losses, log.skipped, sum(filter(None, steps)) or None))
    yield from _said(progress.unreadable(log.unreadable))
    for sentence in unusual(_nested(record.settings)):
        yield Finding("unusual", DOUBTFUL, f"{sentence[0].upper()}{sentence[1:]}.", "Nobody trains with that.",
                      "Set it to what is usual, in another output_folder.")  # fmt: skip
    for sentence in log.remarks:
        if not any(text in sentence for text in OWN_RULES):
            level = DOUBTFUL if sentence.startswith(NO_AUGMENTATION) else NOTE
            yield Finding("remark", level, f"The run remarked: {sentence}")


def _steps(part: Part, record: RunRecord) -> int | None:
    batch, accumulated = part.number("batch_size"), part.number("grad_accumulation_factor", 1)
    if batch is None or not record.corpus.utterances:
        return None
    return int(record.corpus.utterances // batch // accumulated * part.epochs)


def _table(part: Part, record: RunRecord) -> Iterator[Finding]:
    """Whether the table of the epochs, on which most rules rest, is whole."""
    fault, ended = part.fault, bool(part.info) or record.finished
    if fault == MISSING and not ended:  # no epoch is done yet
        return
    if not fault and ended and part.limit and part.epochs < part.limit:
        fault = f"it has {part.epochs} of {part.limit} epochs, and the training came to its end"
    if fault:
        rests = "What is said of its epochs rests on the rest." if part.trained else "Of its epochs nothing is known."
        yield Finding(
            "table", DOUBTFUL, f"The table {EPOCHS} is not as the run wrote it: {fault}.", rests,
            "Copy it again from where the run was made.",
        )  # fmt: skip


def _clusters(part: Part, record: RunRecord) -> Iterator[Finding]:
    """What the clusters of a part are: as recorded, of the last refresh, or by its label table."""
    manifest = record.corpus.manifest
    metrics = part.result if "clusters" in part.result else {}
    for row in part.trained:
        metrics = row if "clusters" in row else metrics
    table = labels_of(part.folder / LABELS, manifest, record.lacking)
    if not metrics and table is not None:
        from speechbrain_cadino.clusters.quality import cluster_metrics

        metrics = cluster_metrics(table, None, manifest.spk_ids, manifest.sessions)
    if not metrics:
        return
    n = record.corpus.utterances
    yield from labels.sizes(metrics["clusters"], metrics.get("singletons", 0), metrics.get("largest", 0), n)
    yield from _said(labels.sessions(metrics))
    if "same_spk" not in metrics and table is not None and manifest.sessions is not None:
        yield from _said(labels.of_one_session(table, manifest.sessions))
    wrong = metrics.get("wrong_labels", metrics.get("fraction_wrong"))
    yield from _said(labels.wrong(wrong if isinstance(wrong, (int, float)) else None))
    if part.result:
        yield from _said(labels.worse_than_init(part.result))


def _beside(part: Part, record: RunRecord) -> tuple[list[str], list[Finding]]:
    """Where a part stands beside healthy runs, and how far it is behind."""
    reference = curves.reference_of(part.settings, part.stage, record.corpus.utterances)
    if reference is None or not part.limit or not part.trained:
        return [], []
    rows = part.trained
    values = {
        "EER %": {row["epoch"]: row["EER %"] for row in rows if "EER %" in row},
        "dino_loss/ln K": _ratio(rows, "dino_loss"),
        "entropy_gap/ln K": _ratio(rows, "entropy_gap"),
    }
    start = _start(part)
    if start is not None and start < 1:
        values["half_rank_gain"] = {
            row["epoch"]: (row["half_rank"] - start) / (1 - start) for row in rows if "half_rank" in row
        }
    if (
        reference == "published"
        and "vox1" not in str(part.settings.get("development_trials")).lower()
        and ("veri_test" not in str(part.settings.get("development_trials")))
    ):
        values.pop("EER %")  # of another list
    if reference == "small":
        values.pop("EER %")  # a corpus of one's own
    found = curves.beside(curves.read_references(), reference, values, part.limit)
    late = [curves.behind(*one) for one in found]
    standing = [curves.standing(*one) for one, is_late in zip(found, late) if is_late is None]
    sources = dict.fromkeys(point.source for (point, _), is_late in zip(found, late) if is_late is None)
    standing += [f"Those runs: {'; '.join(sources)}."] if sources else []
    return standing, [one for one in late if one is not None]


def _start(part):
    """``half_rank`` before training, of the untrained encoder."""
    before = next((row for row in part.rows if row.get("epoch") == 0), {})
    return before.get("untrained_half_rank", before.get("half_rank"))


def _ratio(rows, name):
    return {row["epoch"]: row[name] / row["max_entropy"] for row in rows if name in row and row.get("max_entropy")}


def _nested(settings):
    """Settings as `suspects.unusual` takes them: those of objects as attributes."""
    found = dict(settings)
    for name in USUAL:
        first, _, attribute = name.partition(".")
        if attribute and name in settings:
            held = found[first] if isinstance(found.get(first), SimpleNamespace) else SimpleNamespace()
            setattr(held, attribute, settings[name])
            found[first] = held
    return found


def _said(finding):
    return [] if finding is None else [finding]
