"""The studies that make their corpora, as their files have them, at the smallest size; jobs run in this process."""

import contextlib
import io
import json
import os
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import choice_study
import doubted_labels
import measure_checkpoints
import numpy as np
import pytest
import sweep
import sweep_plan
import sweep_runs
import with_clusters
import yaml
from sklearn.metrics import silhouette_score

from speechbrain_cadino.training.history import History
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.command_line import parse_arguments
from speechbrain_cadino.utils.settings.load import read_settings
from tests.end_to_end.conftest import TINY

BENCHMARKS = Path(sweep.__file__).parent
CORPUS = dict(n_speakers=8, n_test_speakers=6, sessions=2, utterances=2, test_utterances=2, test_sessions=2)
CORPUS |= dict(seconds=1.0, synthesiser="source_filter")
SMALL = {name: TINY[name] for name in ("number_of_epochs", "n_mels", "embedding_dim", "embedding_model")}
SMALL |= dict(warmup_epochs=1, batch_size=8, retrieval_utterances=20, average_checkpoints=2)
STAGE_1 = dict(n_prototypes=16, head=TINY["head"], crops=TINY["crops"])
CLUSTERED = dict(compensation=dict(seconds=0.5, n_views=2), clustering=dict(n_fine=30))
OF_FILE = {
    "dino.yaml": STAGE_1 | dict(compensation=CLUSTERED["compensation"]),
    "ca_dino.yaml": STAGE_1 | CLUSTERED | dict(cluster_start_epoch=1, n_clusters=6),
    "dlg_lc.yaml": CLUSTERED | dict(crops=dict(global_seconds=0.4), n_clusters=6),
    "finetune.yaml": dict(crops=dict(global_seconds=0.4), compensation=CLUSTERED["compensation"]),
}


def write_small(name, folder, corpora, cells=None):
    """A study's file with these corpora and all numbers small; ``cells``: these alone."""
    content = yaml.safe_load((BENCHMARKS / name).read_text())
    content["corpora"] = corpora
    content["corpus"] |= CORPUS
    content["cells"] = [cell for cell in content["cells"] if cells is None or cell["name"] in cells]
    shared = SMALL | content["overrides"]
    for place in (content, *content["cells"]):
        if "script" in place:
            place["script"] = str((BENCHMARKS / place["script"]).resolve())
    for cell in content["cells"]:
        small = OF_FILE[cell.get("hparams", content["hparams"]).rsplit("/", 1)[1]]
        if "factor" in cell.get("overrides", {}):
            small = {name: value for name, value in small.items() if name != "n_clusters"}
        cell["overrides"] = {**small, **cell.get("overrides", {})}
        if "clustering" in cell["overrides"]:
            cell["overrides"]["clustering"] = cell["overrides"]["clustering"] | dict(n_fine=30)
        if isinstance(cell["overrides"].get("n_clusters"), int):
            cell["overrides"]["n_clusters"] = 6
        if "n_iterations" in cell["overrides"]:
            cell["overrides"]["n_iterations"] = 1
    content["overrides"] = shared
    (folder / name).write_text(yaml.safe_dump(content, sort_keys=False))
    return str(folder / name)


def start_here(run, settings, held):
    """`sweep_runs.start` without a new Python: the script has ended when this returns."""
    sweep_runs.make_folder(run.folder)
    (run.folder / sweep_runs.STARTED).write_text(json.dumps(settings))
    out = io.StringIO()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(out))
        stack.enter_context(mock.patch.object(sys, "argv", run.arguments()))
        stack.enter_context(mock.patch.object(sys, "path", [str(run.script.parent), *sys.path]))
        stack.enter_context(pytest.MonkeyPatch.context()).chdir(run.script.parent)
        stack.enter_context(mock.patch("speechbrain_cadino.training.history.History.plot"))
        stack.enter_context(mock.patch("speechbrain_cadino.dlg_lc.brain.DLGLCBrain._draw"))
        stack.enter_context(mock.patch("speechbrain.utils.logger.get_environment_description", lambda: ""))
        hook = sys.excepthook
        try:
            runpy.run_path(run.script.name, run_name="__main__")
            status = 0
        except SystemExit as stop:
            status = stop.code
        finally:
            sys.excepthook = hook
    (run.folder / sweep_runs.LOG).write_text(out.getvalue() or "nothing")
    return SimpleNamespace(poll=lambda: status, returncode=status, pid=os.getpid(), wait=lambda *_: status)


@pytest.fixture
def in_this_process(monkeypatch):
    started = []

    def start(run, *others):
        started.append(run.name)
        return start_here(run, *others)

    monkeypatch.setattr(sweep_runs, "start", start)
    monkeypatch.setattr(sweep_runs, "end", lambda processes: None)
    monkeypatch.setattr(sweep_runs, "POLL_SECONDS", 0)
    return started


def run_study(main, name, folder, *chosen):
    """A study to its end, the folder of the runs; fails with the log of what went wrong."""
    output = folder / "out"
    arguments = [write_small(name, folder, *chosen), "--output", str(output), "--jobs", "1"]
    try:
        main(arguments)
    except UserError as error:
        logs = [path.read_text() for path in output.rglob("run.log") if path.with_name("started.json").exists()]
        pytest.fail("\n".join([str(error), *logs]))
    return output, arguments


def table_after(printed, title):
    """The rows of the table under a line that begins so, each a list of texts."""
    lines = printed[printed.index(f"\n{title}") if title else 0 :].split("\n|", 1)[1].split("\n\n")[0].split("\n")
    return [
        [text.strip() for text in line.strip("|").split("|")] for line in lines if line and not line.startswith("|:")
    ]


def test_the_compensation_study(tmp_path, capsys, in_this_process):
    output, arguments = run_study(sweep.main, "compensation_study.yaml", tmp_path, [201])
    printed = "\n" + capsys.readouterr().out
    cells = ["dino", "ca_plain", "ca_compensated", "dlg_lc_plain", "dlg_lc_compensated", "supervised"]
    assert in_this_process == ["201/corpus", *(f"201/{cell}/1" for cell in cells)]
    header, *rows = table_after(printed, "EER % kept, by corpus")
    assert header == ["corpus", *cells] and [row[0] for row in rows] == ["201"]
    eers = {row["run"]: row["EER % kept"] for row in History.read_csv(output / "runs.csv").rows}
    assert len(eers) == 6
    assert [float(text) for text in rows[0][1:]] == [float(f"{eers[f'201/{cell}/1']:.4g}") for cell in cells]
    _, *rows = table_after(printed, "EER % kept, relative change")
    assert [row[:3] for row in rows[:2]] == [["ca_plain", "dino", "1"], ["ca_compensated", "dino", "1"]]
    assert ["dlg_lc_compensated", "supervised"] in [row[:2] for row in rows] and len(rows) == 8
    for kind, compensated in (("plain", False), ("compensated", True)):
        origin = json.loads((output / f"201/dlg_lc_{kind}/1/iteration_1/labels.json").read_text())
        assert origin["compensation"].startswith("Compensation(") == compensated
        settings = (output / f"201/ca_{kind}/1/hyperparams.yaml").read_text()
        assert ("\ncluster_compensation: !ref <compensation>" in settings) == compensated
        assert ("\nlast_layer_refit: null" in settings) != compensated
    clusters = [output / f"201/ca_{kind}/1/clusters/labels_epoch0002.csv" for kind in ("plain", "compensated")]
    assert clusters[0].read_text() != clusters[1].read_text()
    sweep.main(arguments)  # nothing is left to do
    assert len(in_this_process) == 7
    assert (output / "table.md").read_text().strip() in printed
    content = yaml.safe_load(Path(arguments[0]).read_text())
    content["corpus"]["tail"] = 0.0
    Path(arguments[0]).write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match="201/corpus was made with other settings .corpus.tail changed"):
        sweep.main(arguments)


def test_the_choice_study(tmp_path, capsys, in_this_process):
    """With one session a speaker, as some of its corpora have."""
    corpora = {"once": CORPUS | {"seed": 303, "sessions": 1, "utterances": 4}}
    cells = ["dino", "checkpoints", "auto", "x2"]
    output, arguments = run_study(choice_study.main, "choice_study.yaml", tmp_path, corpora, cells)
    printed = "\n" + capsys.readouterr().out
    (measured,), counts = (History.read_csv(output / f"{name}.csv").rows for name in ("epochs", "counts"))
    assert measured["epoch"] == 2 and -1 <= measured["silhouette"] <= 1 and "ami_speakers" in measured
    assert [row["cell"] for row in counts] == ["auto", "x2"]
    assert all(-1 <= row["silhouette"] <= 1 and "EER %" in row for row in counts)
    info = json.loads((output / "once/dino/1/encoder/encoder.json").read_text())["info"]
    assert measured["EER %"] == pytest.approx(info["development list"]["EER %"], abs=1e-9)
    for name in ("half_retrieval", "half_rank"):
        assert measured[name] == pytest.approx(info["half_rank"][f"exported_{name}"], abs=1e-9)
    auto, more = (row["clusters"] for row in counts)
    wanted = min(2 * auto, int(0.9 * 32))
    assert wanted - 1 <= more <= wanted  # of 30 cells of k-means one may be empty
    text = (output / "choice.md").read_text()
    assert text in printed
    assert [row[:3] for row in table_after("\n" + text, "")[1:6]] == [
        *(["epoch", figure, "once"] for figure in choice_study.BY_EPOCH), ["clusters", "auto", "once"]
    ]  # fmt: skip
    done = len(in_this_process)
    figures = output / "once/checkpoints/1/figures.csv"
    before, changed = figures.read_text(), figures.read_text().replace("\n2,", "\n7,")
    figures.write_text(changed)  # as if the last one had not been reached
    (figures.parent / "finished.json").rename(figures.parent / "started.json")
    choice_study.main(arguments)
    assert len(in_this_process) == done + 1
    assert figures.read_text().splitlines() == [*changed.splitlines(), before.splitlines()[-1]]


def test_the_study_of_wrong_sessions(tmp_path, capsys, in_this_process):
    cells = ["dino", "labels", "none", "dropped"]
    output, _ = run_study(sweep.main, "session_noise.yaml", tmp_path, [221], cells)
    tables = [output / f"221/labels/1/{name}.txt" for name in ("given", "dropped", "replaced")]
    given, dropped, replaced = (dict(line.split() for line in table.read_text().splitlines()) for table in tables)
    assert given.keys() == replaced.keys()
    assert dropped == {name: label for name, label in given.items() if replaced[name] == label}
    row = History.read_csv(output / "221/labels/1/epochs.csv").rows[0]
    assert row["fraction_kept"] == pytest.approx(len(dropped) / len(given), abs=1e-4)
    assert len((output / "221/dropped/1/iteration_1/labels.csv").read_text().splitlines()) == 1 + len(dropped)
    assert "gate_precision, by corpus" in capsys.readouterr().out


@pytest.mark.parametrize("seed", range(5))
def test_doubts_by_counting(seed):
    rng = np.random.default_rng(seed)
    labels, clusters, right = rng.integers(4, size=60), rng.integers(-1, 7, size=60), rng.random(60) < 0.7
    found = doubted_labels.by_cluster(labels, clusters)
    for item in range(60):
        mates = labels[clusters == clusters[item]].tolist()
        wanted = labels[item] if clusters[item] < 0 else max(range(4), key=lambda one: (mates.count(one), -one))
        assert found[item] == wanted
    away, figures = found != labels, doubted_labels.as_of_a_gate(found == labels, right)
    assert figures["gate_precision"] == pytest.approx(np.mean(~right[away]))
    assert figures["gate_recall"] == pytest.approx(np.mean(away[~right]))


def test_silhouette_of_labels_is_scikit_learns_on_pairs_of_one_cluster():
    """Where all items of a cluster are one point, the mean distance to them is that to their mean."""
    points = np.random.default_rng(0).standard_normal((5, 4))
    labels = np.repeat([7, 2, 9, 4, 30], 3)
    embeddings = np.repeat(points, 3, axis=0)
    directions = embeddings - embeddings.mean(axis=0)
    wanted = silhouette_score(directions, labels, metric="cosine")
    assert measure_checkpoints.silhouette_of(embeddings + 100, labels) == pytest.approx(wanted) == pytest.approx(1.0)
    some = np.arange(15) % 5 > 0
    without = np.where(some, labels, -1)  # of no cluster, which is none of its own
    centered = (embeddings - embeddings.mean(axis=0))[some]
    wanted = silhouette_score(centered, labels[some], metric="cosine")
    assert measure_checkpoints.silhouette_of(embeddings, without) == pytest.approx(wanted)
    labels[:3] = [2, 2, 7]
    assert measure_checkpoints.silhouette_of(embeddings, labels) < 0.9


def test_every_so_many_epochs_and_the_last():
    class Checkpoints:
        def find_checkpoints(self, **_):
            return [SimpleNamespace(meta={"epoch": epoch}) for epoch in (1, 2, 3, 4, 5)]

    chosen = measure_checkpoints.wanted(Checkpoints(), 2)
    assert [one.meta["epoch"] for one in chosen] == [2, 4, 5]


@pytest.mark.parametrize("factor, wanted", [(0.5, 20), (0.01, 2), (1.4, 56), (2.8, 90)])
def test_so_many_times_the_clusters(tmp_path, factor, wanted):
    history = History()
    history.add({"iteration": 1, "clusters": 40})
    history.add({"iteration": 2, "clusters": 7})
    history.write_csv(tmp_path / "iterations.csv")
    (tmp_path / "iteration_1").mkdir()
    (tmp_path / "iteration_1/labels.csv").write_text("ID,cluster,distance\n" + "".join(f"{i},0,\n" for i in range(100)))
    assert with_clusters.number(tmp_path, factor) == wanted


@pytest.mark.parametrize(
    "main, arguments, message",
    [
        (with_clusters.main, ["x.yaml", "--auto", "{}", "--factor", "2"], "there is no iterations.csv"),
        (measure_checkpoints.main, ["x.yaml", "--run", "{}", "--output_folder", "{}"], "there is no folder 'save'"),
        (measure_checkpoints.main, ["x.yaml", "--run", "{}", "--every", "0", "--output_folder", "{}"], "--every is 0"),
    ],
)
def test_runs_that_are_no_runs(tmp_path, main, arguments, message):
    with pytest.raises(UserError, match=message):
        main([text.format(tmp_path) for text in arguments])
    assert list(tmp_path.iterdir()) == []


def test_regret_and_correlation_by_hand():
    rows = [{"clusters": n, "x": x, "EER %": eer} for n, x, eer in [(10, 0.1, 12.0), (20, 0.3, 10.5), (40, 0.2, 10.0)]]
    by_auto = choice_study.judge(rows, "x", "clusters", rows[:1])
    assert by_auto == {
        "tried": 3, "rank correlation": -0.5, "chosen": 10, "EER %": 12.0, "best": 40, "best EER %": 10.0,
        "regret %": 20.0,
    }  # fmt: skip
    by_figure = choice_study.judge(rows, "x", "clusters")
    assert (by_figure["chosen"], by_figure["regret %"]) == (20, 5.0)
    assert choice_study.judge(rows, "x", "clusters", []) == {"tried": 3, "rank correlation": -0.5}
    assert "rank correlation" not in choice_study.judge(rows[:2], "x", "clusters")
    judged = [{"choice": "clusters", "by": "x", **row} for row in (by_auto, by_figure, {"tried": 1})]
    assert choice_study.over_corpora(judged) == [
        {"choice": "clusters", "by": "x", "corpora": 3, "rank correlation": -0.5, "lowest": -0.5, "highest": -0.5,
         "regret %": 12.5, "highest regret %": 20.0, "within 5 %": "1 of 2"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name, least", [("compensation_study.yaml", 8), ("choice_study.yaml", 10), ("session_noise.yaml", 4)]
)
def test_the_studies_as_they_are(name, least, tmp_path, monkeypatch):
    """So many corpora, none of the generator seeds that settings were picked on or reports are of; options that fit."""
    content = sweep.read_sweep(BENCHMARKS / name, tmp_path)
    seeds = [corpus.settings["seed"] for corpus in content.corpora]
    assert len(seeds) == len(set(seeds)) >= least and not set(seeds) & {0, 1, 2, 3, 10, 101, 102}
    for corpus in content.corpora:
        shape = dict(sessions=3, utterances=3, n_speakers=100) | corpus.settings
        assert 500 <= shape["n_speakers"] * shape["sessions"] * shape["utterances"] <= 1200
    for run in content.runs(corpora=[content.corpora[0].name]):
        if isinstance(run, sweep_plan.Run) and run.cell.name not in ("x0.7", "x1.4", "x2"):  # as x0.5
            monkeypatch.chdir(run.script.parent)
            own = ("--auto", "--factor", "--run", "--every", "--fraction")  # of the scripts that are not train.py
            arguments = run.arguments()[1:]
            for name in own if run.script.name != "train.py" else ():
                if name in arguments:
                    place = arguments.index(name)
                    del arguments[place : place + 2]
            file, _, options = parse_arguments(arguments)
            read_settings(file, options)
