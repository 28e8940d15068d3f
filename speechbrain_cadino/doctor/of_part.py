"""The rules of one training, over the rows of its epochs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from speechbrain_cadino.doctor import learning, progress, stage_one, stage_two
from speechbrain_cadino.doctor.finding import Finding
from speechbrain_cadino.doctor.part import Part, is_number
from speechbrain_cadino.doctor.record import RunRecord
from speechbrain_cadino.training.verdict import NOT_LEARNED, RunFacts, judge

WATCH = ("warmup_epochs", "min_gap", "min_spread")  # of `CollapseWatch`
GATE = "gate_threshold"


def about_part(part: Part, record: RunRecord, gates: Mapping[int, str]) -> Iterator[Finding]:
    """What the rules say of a training.

    Arguments
    ---------
    part : Part
    record : RunRecord
        Of the run.
    gates : mapping
        Epoch -> why the gate's threshold is what it is.

    Yields
    ------
    Finding
    """
    rows = part.trained
    if not rows:
        return
    rules = [_verdict(part, record), *_curves(part, record)]
    rules += _stage_one(part, rows) if part.stage == "I" else _stage_two(part, gates)
    waited = [row for row in rows if is_number(row.get("seconds_waiting")) and is_number(row.get("seconds"))]
    columns = ([row[name] for row in waited] for name in ("seconds_waiting", "seconds"))
    settings = part.settings
    rules.append(progress.waiting(*columns, settings.get("loader_options.num_workers"), settings.get("preload")))
    yield from (finding for finding in rules if finding is not None)


def fraction_done(part: Part) -> float:
    """The fraction of the epochs that are done; 1 where it is not known how many there are to be."""
    return 1.0 if part.is_over or not part.limit else part.epochs / part.limit


def _verdict(part, record):
    if "did it learn" in part.info:
        return progress.told(*progress.from_verdict_text(str(part.info["did it learn"])))
    if fraction_done(part) < 0.5 or not any("half_rank" in row for row in part.trained):
        return None  # too early, or nothing was measured
    corpus, measured = record.corpus, int(part.number("retrieval_utterances", 500))
    n = corpus.utterances or 10**6
    sizes = {name: part.result[name] for name in ("clusters", "singletons", "largest") if name in part.result}
    facts = RunFacts(n, corpus.recordings or n, 10**6, 1.0, min(n, measured), sizes if len(sizes) == 3 else None)
    last = max(number for number, row in enumerate(part.rows) if "half_rank" in row)
    verdict = judge([_whole(row) for row in part.rows[: last + 1]], facts)
    if verdict.word != NOT_LEARNED:  # what cannot be told yet may be told at the end
        return None
    return progress.told(verdict.word, "so far " + "; ".join(verdict.reasons), "; ".join(verdict.advice))


def _whole(row):
    """A row without what is text."""
    return {name: value for name, value in row.items() if isinstance(value, (int, float))}


def _curves(part, record):
    ranks, rates = part.series("half_rank"), part.series("EER %")
    measured = min(record.corpus.utterances, int(part.number("retrieval_utterances", 500)))
    losses, speeds = part.series("loss"), part.series("lr")
    fell = len(losses) > 1 and losses[-1] < losses[len(losses) // 2]
    yield learning.got_worse(ranks, rates, measured, fell)
    if part.is_over and speeds:
        yield learning.ended_early(ranks, rates, speeds[-1], max(speeds))


def _stage_one(part, rows):
    watch = {name: part.settings.get(f"collapse_watch.{name}") for name in WATCH}
    found = stage_one.collapsed(rows, **{name: value for name, value in watch.items() if is_number(value)})
    losses, entropies = part.series("dino_loss"), part.series("max_entropy")
    chance = entropies[-1] if entropies else 0.0
    yield found
    if found is None:
        yield stage_one.collapsing(part.series("entropy_gap"))
        yield stage_one.near_chance(losses, chance, fraction_done(part))
        yield stage_one.crowded(part.series("embedding_spread"), part.number("koleo_weight"))
    whole = [row for row in rows if {"dino_loss", "lr"} <= set(row)]
    yield stage_one.too_fast([row["dino_loss"] for row in whole], [row["lr"] for row in whole], chance or None)


def _stage_two(part, gates):
    prefixes = {name.removesuffix(GATE): None for row in part.trained for name in row if name.endswith(GATE)}
    classes = part.result.get("clusters") or part.settings.get("n_clusters")
    classes = classes if isinstance(classes, int) else None
    mode = part.settings.get("gate_mode", "dynamic")
    for prefix in prefixes:
        rows = [_own(row, prefix, prefixes) for row in part.trained]
        last, closed = rows[-1], [row for row in rows if row.get(GATE, math.inf) < math.inf]
        wrong = last.get("fraction_wrong")
        corrected = [row for row in rows if "corrected_accuracy" in row and math.isfinite(row["corrected_accuracy"])]
        found = [stage_two.gate_early(rows, classes)]
        if part.is_over:
            reason = gates.get(part.epochs, "the log does not say why") if not prefix else "see its log"
            found.append(stage_two.gate_idle(rows, mode, reason, wrong))
        found.append(stage_two.labels_not_learnt(last.get("kept_loss"), classes, fraction_done(part)))
        if corrected and closed:
            row = corrected[-1]
            found.append(stage_two.corrected_wrongly(row["corrected_accuracy"], row.get("fraction_corrected")))
        name = prefix.rstrip("_")
        yield from (one and (_named(one, name) if name else one) for one in found)


def _own(row, prefix, prefixes):
    """The metrics of one modality, without its name before."""
    if prefix:
        return {"epoch": row["epoch"]} | {
            name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)
        }
    return {name: value for name, value in row.items() if not name.startswith(tuple(filter(None, prefixes)))}


def _named(finding, name):
    return replace(finding, seen=f"Of {name}: {finding.seen}")
