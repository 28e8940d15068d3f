"""The demo corpus: layout, trials, settings, and one copy for all."""

import json
import os
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speechbrain_cadino.corpus.scan import scan_corpus
from speechbrain_cadino.corpus.trials import read_trials, utterance_paths
from speechbrain_cadino.demo import corpus as demo
from speechbrain_cadino.demo.corpus import make_demo_corpus
from speechbrain_cadino.demo.description import folder_hash, foreign_to_corpus
from speechbrain_cadino.demo.sizes import draw_sizes
from speechbrain_cadino.demo.synthesiser import open_synthesiser
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.locks import hold_folder

SMALL = dict(n_speakers=3, n_test_speakers=4, sessions=2, utterances=2, test_utterances=1, seconds=1.2)
SMALL.update(impostors_per_target=2, tail=0.0, synthesiser="source_filter")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_demo_corpus(tmp_path_factory.mktemp("demo") / "corpus", **SMALL)


def files(folder):
    return sorted(str(path.relative_to(folder / "wav")) for path in (folder / "wav").rglob("*.wav"))


def test_layout_and_lists(corpus):
    train = (corpus / "train_files.txt").read_text().split()
    assert len(train) == 3 * 2 * 2 and len(files(corpus)) == len(train) + 4 * 2
    assert set(files(corpus)) - set(train) == {name for name in files(corpus) if name.startswith("test")}
    manifest, rejected, held_out, _ = scan_corpus(
        corpus / "wav", corpus / "train_files.txt", [corpus / "trials.txt"], speaker_pattern="^([^/]+)/"
    )
    assert rejected == [] and not held_out.mask.any()
    assert Counter(manifest.spk_ids.tolist()) == {f"train000{i}": 4 for i in range(3)}
    assert len(set(manifest.sessions.tolist())) == 6


def test_audio_is_16_bit_at_16_khz_and_as_long_as_asked(corpus):
    for name in files(corpus):
        info = soundfile.info(corpus / "wav" / name)
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
        assert 0.9 * 1.2 - 0.001 <= info.duration <= 1.1 * 1.2


def test_targets_cross_sessions_and_impostors_are_of_one_sex(corpus):
    trials = read_trials(corpus / "trials.txt")
    assert len(utterance_paths(trials, corpus / "wav")) == 4 * 2
    parts = [Path(name).parts for name in trials.utterances]
    assert sorted(trials.utterances) == [name for name in files(corpus) if name.startswith("test")]
    assert trials.labels.sum() == 4 and (~trials.labels).sum() == 8
    generator = open_synthesiser("source_filter")
    speakers = demo._draw_speakers(generator, dict(SMALL, test_sessions=2, seed=0))
    for label, enrol, test in zip(trials.labels, trials.enrol, trials.test):
        one, other = parts[enrol], parts[test]
        assert (one[0] == other[0]) == label
        assert not label or one[1] != other[1]
        assert speakers[one[0]].sex == speakers[other[0]].sex
    assert len({frozenset(pair) for pair in zip(trials.enrol.tolist(), trials.test.tolist())}) == 12


def test_made_once_and_made_anew_when_a_setting_changes(corpus):
    made = os.stat(corpus).st_ino
    make_demo_corpus(corpus, **SMALL)
    assert os.stat(corpus).st_ino == made
    description = json.loads((corpus / "corpus.json").read_text())
    assert description["sha256"] == folder_hash(corpus / "wav")
    assert description["settings"]["synthesiser"] == "source_filter 1" and description["settings"]["seed"] == 0


@pytest.mark.parametrize(
    "change, changes",
    [
        (dict(n_speakers=2), dict(train=8)),
        (dict(n_test_speakers=5), dict(test=10)),
        (dict(sessions=3), dict(train=18, test=12)),
        (dict(sessions=1), dict(train=6, test=8)),
        (dict(test_sessions=3), dict(train=12, test=12)),
        (dict(utterances=1), dict(train=6)),
        (dict(test_utterances=2), dict(test=16)),
        (dict(impostors_per_target=1), dict(trials=8)),
        (dict(seconds=0.6), {}),
        (dict(channel_strength=0.0), {}),
        (dict(seed=1), {}),
    ],
)
def test_every_setting_changes_what_it_says(corpus, tmp_path, change, changes):
    other = make_demo_corpus(tmp_path / "corpus", **{**SMALL, **change})
    found = dict(
        train=sum(name.startswith("train") for name in files(other)),
        test=sum(name.startswith("test") for name in files(other)),
        trials=len((other / "trials.txt").read_text().splitlines()),
    )
    for name, count in changes.items():
        assert found[name] == count
    if not changes:
        assert files(other) == files(corpus) and folder_hash(other / "wav") != folder_hash(corpus / "wav")


def test_the_same_seed_makes_the_same_corpus_whatever_the_number_of_training_sessions(corpus, tmp_path):
    other = make_demo_corpus(tmp_path / "corpus", **SMALL)
    assert folder_hash(other / "wav") == folder_hash(corpus / "wav")
    assert (other / "trials.txt").read_text() == (corpus / "trials.txt").read_text()
    more = make_demo_corpus(tmp_path / "more", **{**SMALL, "sessions": 3})
    name = "train0001/s1/001.wav"
    np.testing.assert_array_equal(soundfile.read(more / "wav" / name)[0], soundfile.read(corpus / "wav" / name)[0])


def test_an_older_corpus_is_replaced_and_a_half_made_one_is_not_taken(tmp_path, monkeypatch):
    folder = make_demo_corpus(tmp_path / "corpus", **SMALL)
    (tmp_path / ".corpus.partial").mkdir()  # what a killed run leaves
    (tmp_path / ".corpus.partial/wav/train0000/s0").mkdir(parents=True)
    (tmp_path / ".corpus.partial/wav/train0000/s0/000.wav").touch()
    make_demo_corpus(folder, **{**SMALL, "n_speakers": 1})
    assert len((folder / "train_files.txt").read_text().split()) == 4 and os.listdir(tmp_path) == ["corpus"]

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "folder_hash", killed)
    with pytest.raises(KeyboardInterrupt):
        make_demo_corpus(tmp_path / "second", **SMALL)
    assert not (tmp_path / "second").exists()


def test_changed_audio_is_noticed_and_other_folders_are_left_alone(tmp_path):
    folder = make_demo_corpus(tmp_path / "corpus", **SMALL)
    (folder / "wav/train0000/s0/000.wav").unlink()
    with pytest.raises(UserError, match="has changed since it was made"):
        make_demo_corpus(folder, **SMALL)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/thesis.tex").touch()
    with pytest.raises(UserError, match="is not a demo corpus"):
        make_demo_corpus(tmp_path / "thesis", **SMALL)
    assert (tmp_path / "thesis/thesis.tex").exists()


@pytest.mark.parametrize(
    "change",
    [dict(n_speakers=0), dict(n_test_speakers=1), dict(sessions=0), dict(utterances=0), dict(test_utterances=0),
     dict(test_sessions=1), dict(test_sessions="2"), dict(impostors_per_target=0), dict(seed=-1), dict(seed="a"),
     dict(tail="much"), dict(tail=float("nan")), dict(tail=True), dict(tail=None), dict(seconds=float("inf")),
     dict(n_speakers=2.5), dict(sessions="3"), dict(seconds=0), dict(channel_strength=-1),
     dict(synthesiser="festival")],
)  # fmt: skip
def test_settings_that_are_no_good(tmp_path, change):
    with pytest.raises(UserError, match=next(iter(change))):
        make_demo_corpus(tmp_path / "corpus", **{**SMALL, **change})
    assert not (tmp_path / "corpus").exists()


@pytest.mark.parametrize(
    "text", ["{}", "[]", "3", '{"settings": {}}', '{"settings": [], "sha256": ""}',
             '{"settings": {"seed": 0, "sessions": "x"}, "sha256": ""}',
             '{"settings": {"seed": 0, "sessions": 3}, "sha256": ""}'],
)  # fmt: skip
def test_a_description_that_is_none(tmp_path, text):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/corpus.json").write_text(text)
    with pytest.raises(UserError, match="holds something that is not a demo corpus"):
        make_demo_corpus(tmp_path / "corpus", **SMALL)


def test_espeak_makes_a_corpus_too(tmp_path):
    pytest.importorskip("espeakng_loader", reason="the extra [demo] is not installed")
    folder = make_demo_corpus(tmp_path / "corpus", **{**SMALL, "synthesiser": "espeak"})
    assert len(files(folder)) == 20
    assert json.loads((folder / "corpus.json").read_text())["settings"]["synthesiser"].startswith("espeak-ng 1.")


@pytest.mark.parametrize("name", ["notes.txt", "wav/train0000/s0/mine.wav", "dino/save/CKPT+1/model.ckpt", "wav/link"])
def test_what_was_not_made_with_the_corpus_is_never_removed(tmp_path, monkeypatch, name):
    """Another synthesiser version makes another corpus: it does not take the place of what lies with the old one."""
    folder = make_demo_corpus(tmp_path / "corpus", **SMALL)
    assert foreign_to_corpus(folder, json.loads((folder / "corpus.json").read_text())["settings"]) == []
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "elsewhere").mkdir()
    path.symlink_to(tmp_path / "elsewhere") if name == "wav/link" else path.write_text("years of work")
    before = {found: found.lstat().st_mtime_ns for found in folder.rglob("*")}
    opened = demo.open_synthesiser

    def newer(synthesiser):
        generator = opened(synthesiser)
        generator.name = "source_filter 2"
        return generator

    monkeypatch.setattr(demo, "open_synthesiser", newer)
    with pytest.raises(UserError, match=f"of other settings, and {re.escape(name)}, which was not made with it"):
        make_demo_corpus(folder, **SMALL)
    assert before == {found: found.lstat().st_mtime_ns for found in folder.rglob("*")}
    path.unlink()
    make_demo_corpus(folder, **SMALL)
    assert json.loads((folder / "corpus.json").read_text())["settings"]["synthesiser"] == "source_filter 2"


def test_an_edited_corpus_is_not_replaced(tmp_path):
    folder = make_demo_corpus(tmp_path / "corpus", **SMALL)
    (folder / "wav/train0000/s0/000.wav").write_text("edited")
    with pytest.raises(UserError, match="has changed since it was made"):
        make_demo_corpus(folder, **{**SMALL, "seed": 1})
    assert (folder / "wav/train0000/s0/000.wav").read_text() == "edited"


def test_two_at_once(tmp_path):
    with hold_folder(tmp_path / "corpus", tmp_path / ".corpus.lock"):
        with pytest.raises(UserError, match="corpus is in use by process"):
            make_demo_corpus(tmp_path / "corpus", **SMALL)
    assert os.listdir(tmp_path) == []


def test_a_half_made_corpus_of_somebody_else(tmp_path):
    (tmp_path / ".corpus.partial").mkdir()
    (tmp_path / ".corpus.partial/thesis.tex").touch()
    with pytest.raises(UserError, match="thesis.tex, which was not made here"):
        make_demo_corpus(tmp_path / "corpus", **SMALL)
    assert (tmp_path / ".corpus.partial/thesis.tex").exists()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "n_speakers, sessions, utterances", [(100, 3, 3), (40, 8, 2), (250, 2, 5), (3, 2, 1), (1, 4, 2)]
)
def test_sizes_are_shared_out_as_asked(seed, n_speakers, sessions, utterances):
    spread = []
    for tail in (0.0, 0.4, 0.8, 1.2):
        sizes = draw_sizes(n_speakers, sessions, utterances, tail, np.random.default_rng(seed))
        assert len(sizes) == n_speakers and sum(map(len, sizes)) == n_speakers * sessions
        assert sum(map(sum, sizes)) == n_speakers * sessions * utterances
        assert min(min(counts) for counts in sizes) >= 1
        spread.append(max(map(len, sizes)))
    assert spread == sorted(spread) and spread[0] == sessions
    if n_speakers >= 40:
        assert spread[-1] > 3 * sessions


def test_speakers_of_the_corpus_are_uneven_as_the_tail_says_and_those_of_the_trials_are_not(tmp_path):
    settings = dict(SMALL, n_speakers=12, sessions=3, utterances=2, seconds=0.3, tail=1.0)
    other = make_demo_corpus(tmp_path / "corpus", **settings)
    names = [Path(name).parts for name in files(other)]
    sizes = Counter(parts[0] for parts in names)
    expected = draw_sizes(12, 3, 2, 1.0, np.random.default_rng([0, 3]))
    assert [sizes[f"train{speaker:04d}"] for speaker in range(12)] == [sum(counts) for counts in expected]
    assert {sizes[f"test{speaker:04d}"] for speaker in range(4)} == {3}
    made = os.stat(other).st_ino
    make_demo_corpus(other, **settings)
    assert os.stat(other).st_ino == made
    with pytest.raises(UserError, match="tail of 0 or more"):
        make_demo_corpus(tmp_path / "second", **{**settings, "tail": -0.1})


@pytest.mark.parametrize("asked", [{}, {"test_sessions": 2}])
@pytest.mark.parametrize("unknown", [["tail", "test_sessions"], ["test_sessions"]])
def test_a_corpus_made_before_there_was_a_setting_is_what_it_was(corpus, tmp_path, asked, unknown):
    folder = shutil.copytree(corpus, tmp_path / "corpus")
    description = json.loads((folder / "corpus.json").read_text())
    for name in unknown:
        del description["settings"][name]
    (folder / "corpus.json").write_text(json.dumps(description))
    made = os.stat(folder).st_ino
    make_demo_corpus(folder, **{**SMALL, **asked})
    assert os.stat(folder).st_ino == made


@pytest.mark.parametrize("tail", [0.0, 1.0])
def test_with_one_session_a_speaker_the_trials_still_cross_sessions(tmp_path, tail):
    settings = dict(SMALL, n_speakers=12, sessions=1, utterances=3, seconds=0.3, tail=tail)
    other = make_demo_corpus(tmp_path / "corpus", **settings)
    train = [Path(name).parts for name in files(other) if name.startswith("train")]
    sizes = Counter(parts[0] for parts in train)
    assert {parts[1] for parts in train} == {"s0"} and len(train) == 36 and len(sizes) == 12
    assert (len(set(sizes.values())) == 1) == (tail == 0)
    targets = [line.split()[1:] for line in (other / "trials.txt").read_text().splitlines() if line[0] == "1"]
    assert targets and all(Path(one).parent != Path(other).parent for one, other in targets)
