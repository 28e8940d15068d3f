"""Folders of strangers and damaged ones: no code of theirs runs, and none gives other embeddings than it was told."""

import io
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from speechbrain_cadino.encoder import arguments
from speechbrain_cadino.encoder.arguments import build, checked_arguments, limited_size
from speechbrain_cadino.encoder.export import export_encoder
from speechbrain_cadino.encoder.load import load_encoder, start_from_encoder
from speechbrain_cadino.encoder.safe import sealed
from speechbrain_cadino.faces.export import export_face_encoder
from speechbrain_cadino.faces.load import load_face_encoder
from speechbrain_cadino.utils.errors import UserError
from tests.encoder.conftest import tiny_encoder
from tests.faces.conftest import tiny_face_encoder

ROOT = Path(__file__).parents[2]
WAVES = torch.randn(2, 4000, generator=torch.Generator().manual_seed(0))
IMAGES = torch.randint(256, (2, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
KINDS = {
    "voice": (export_encoder, tiny_encoder, load_encoder, WAVES, "encoder.json", "embedding_model.ckpt"),
    "face": (
        export_face_encoder,
        tiny_face_encoder,
        load_face_encoder,
        IMAGES,
        "face_encoder.json",
        "face_encoder.ckpt",
    ),
}


class Kind:
    """An exported encoder of a kind, and copies of its folder."""

    def __init__(self, name, tmp):
        self.tmp, self.number = tmp, 0
        export, make, self.load_folder, self.input, self.json, self.pickle = KINDS[name]
        torch.manual_seed(0)
        self.folder = export(make(), tmp / "exported", threshold=0.3)
        self.wanted = self.embed(self.folder)

    def embed(self, folder):
        with torch.no_grad():
            return self.load_folder(folder)[0](self.input)

    def copy(self):
        self.number += 1
        return Path(shutil.copytree(self.folder, self.tmp / f"copy {self.number}"))

    def older(self):
        """A copy as version 0.2 left it: no weights beside the pickle, no digests."""
        copy = self.copy()
        (copy / "model.safetensors").unlink()
        metadata = json.loads((copy / self.json).read_text())
        (copy / self.json).write_text(json.dumps({k: v for k, v in metadata.items() if k not in ("modules", "sha256")}))
        text = (copy / "hyperparams.yaml").read_text()
        (copy / "hyperparams.yaml").write_text(re.sub(r"(?ms)^# Files of other rates.*\Z", "", text))
        return copy

    def change(self, **values):
        """A copy whose JSON says something else, with digests that fit, as a stranger would write it."""
        copy = self.copy()
        metadata = json.loads((copy / self.json).read_text()) | values
        files = [path.name for path in copy.iterdir() if path.name != self.json]
        (copy / self.json).write_text(json.dumps(sealed(metadata, self.json, copy, files)))
        return copy


@pytest.fixture(scope="module", params=KINDS)
def kind(request, tmp_path_factory):
    return Kind(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def nothing_runs(monkeypatch):
    """What hostile files try to reach leaves a trace here."""
    reached = []
    for module, name in ((os, "system"), (os, "popen"), (subprocess, "Popen")):
        monkeypatch.setattr(module, name, lambda *args, name=name: reached.append(name))
    yield reached
    assert reached == []


YAMLS = {
    "apply": "a: !apply:os.system [echo]",
    "new of another class": "a: !new:subprocess.Popen [[echo]]",
    "new of a class of ours": "a: !new:speechbrain_cadino.corpus.manifest.Manifest",
    "name": "a: !name:os.system",
    "name called": "a: !name:os.system [echo]",
    "applyref": "a: !applyref:os.system [echo]",
    "module": "a: !module:antigravity",
    "include": "a: !include:other.yaml",
    "copy": "b: 1\na: !copy <b>",
    "tuple": "a: !tuple (1, 2)",
    "python object": "a: !!python/object/apply:os.system [echo]",
    "python name": "a: !!python/name:os.system",
    "python module": "a: !!python/module:antigravity",
    "python new": "a: !!python/object/new:subprocess.Popen [[echo]]",
    "alias": "a: &x [1, 2]\nb: *x",
    "within an argument": "a: !new:speechbrain.lobes.features.Fbank\n    n_mels: !apply:os.system [echo]",
    "as a key": "? !apply:os.system [echo]\n: 1",
    "deep": "a: " + "[" * 5000,
    "a list": "[1, 2]",
    "empty": "",
    "bytes": "a: \x00",
}


@pytest.mark.parametrize("text", YAMLS.values(), ids=YAMLS)
@pytest.mark.parametrize("added", [False, True])
def test_no_yaml_of_an_older_folder_runs_code(kind, text, added, nothing_runs):
    folder = kind.older()
    path = folder / "hyperparams.yaml"
    path.write_text(path.read_text() + text + "\n" if added else text)
    (folder / "other.yaml").write_text("a: !apply:os.system [echo]")
    if added and not text:
        return
    with pytest.raises(UserError, match="hyperparams.yaml is not loaded, since it may run code") as caught:
        kind.load_folder(folder)
    assert "\n" not in str(caught.value)
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("text", YAMLS.values(), ids=YAMLS)
def test_the_yaml_of_a_folder_is_not_loaded_but_compared(kind, text, nothing_runs):
    folder = kind.copy()
    (folder / "hyperparams.yaml").write_text(text)
    with pytest.raises(UserError, match="hyperparams.yaml was changed or damaged since it was exported"):
        kind.load_folder(folder)
    files = [path.name for path in folder.iterdir() if path.name != kind.json]
    metadata = sealed(json.loads((folder / kind.json).read_text()), kind.json, folder, files)
    (folder / kind.json).write_text(json.dumps(metadata))  # a stranger's digests fit
    assert torch.equal(kind.embed(folder), kind.wanted)


class Hostile:
    def __reduce__(self):
        return os.system, ("echo",)


def pickled(kind_of_file):
    buffer = io.BytesIO()
    if kind_of_file == "bare":
        pickle.dump(Hostile(), buffer)
    elif kind_of_file == "torch":
        torch.save({"fc.weight": Hostile()}, buffer)
    elif kind_of_file == "legacy":
        torch.save({"fc.weight": Hostile()}, buffer, _use_new_zipfile_serialization=False)
    elif kind_of_file == "module":
        torch.save(torch.nn.Linear(2, 2), buffer)
    elif kind_of_file == "list":
        torch.save([torch.zeros(2)], buffer)
    elif kind_of_file == "compressed":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("archive/data.pkl", b"\0" * 10**6)
    return buffer.getvalue()


PICKLES = {name: pickled(name) for name in ("bare", "torch", "legacy", "module", "list", "compressed", "nothing")}


@pytest.mark.parametrize("content", PICKLES)
@pytest.mark.parametrize("place", ["older", "checkpoint", "safetensors"])
def test_no_pickle_runs_code(kind, content, place, nothing_runs):
    folder = kind.older() if place == "older" else kind.copy()
    (folder / ("model.safetensors" if place == "safetensors" else kind.pickle)).write_bytes(PICKLES[content])
    with pytest.raises(UserError, match="cannot be loaded"):
        kind.load_folder(folder)
    if place != "older":  # with digests that fit, too
        files = [path.name for path in folder.iterdir() if path.name != kind.json]
        metadata = sealed(json.loads((folder / kind.json).read_text()), kind.json, folder, files)
        (folder / kind.json).write_text(json.dumps(metadata))
        if place == "checkpoint":  # not what is loaded
            assert torch.equal(kind.embed(folder), kind.wanted)
        else:
            with pytest.raises(UserError, match="cannot be loaded .model.safetensors holds no weights"):
                kind.load_folder(folder)


MODULES = [
    None,
    [],
    "os.system",
    {},
    {"embedding_model": None},
    {"embedding_model": "ECAPA_TDNN"},
    {"embedding_model": {"class": "ECAPA_TDNN"}},
    {"embedding_model": {"class": "os.system", "arguments": {"command": "echo"}}},
    {"embedding_model": {"class": "speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN", "arguments": {}}},
    {"embedding_model": {"class": ["ECAPA_TDNN"], "arguments": {}}},
    {"embedding_model": {"class": "ECAPA_TDNN", "arguments": ["input_size"]}},
    {"embedding_model": {"class": "ReLU", "arguments": {}}},
]


@pytest.mark.parametrize("spec", MODULES, ids=str)
def test_modules_of_strange_kinds_are_refused(kind, spec, nothing_runs):
    modules = json.loads((kind.folder / kind.json).read_text())["modules"]
    with pytest.raises(UserError, match="cannot be loaded"):
        kind.load_folder(kind.change(modules=modules | spec if isinstance(spec, dict) and spec else spec))


STRANGE = [10**9, 10**400, -1, 0.5, True, None, "8", "!apply:os.system", [[8]], [8] * 10**4, {"a": 1}, [None], 1e300]


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: repr(value)[:20])
def test_arguments_of_strange_kinds_and_hostile_sizes_are_refused(kind, value, nothing_runs):
    modules = json.loads((kind.folder / kind.json).read_text())["modules"]
    for module, spec in modules.items():
        for name in [*spec["arguments"], "unknown", "self", "__class__"]:
            if spec["arguments"].get(name) == value or (
                name in ("f_min", "deltas", "dropout") and value in (0.5, True)
            ):
                continue
            changed = {**spec, "arguments": spec["arguments"] | {name: value}}
            try:
                found = kind.embed(kind.change(modules=modules | {module: changed}))
            except UserError as error:
                assert "\n" not in str(error) and len(str(error)) < 800
            else:  # an argument that may have this value, and says the same of this network
                assert found.shape == kind.wanted.shape, (module, name)


def test_a_network_larger_than_its_weights_is_not_even_made(kind, monkeypatch):
    modules = json.loads((kind.folder / kind.json).read_text())["modules"]
    name = {"encoder.json": "attention_channels", "face_encoder.json": "width"}[kind.json]
    spec = modules["embedding_model"]
    spec["arguments"][name] = 65536
    made = []
    monkeypatch.setattr(arguments, "SLACK", 2**20)
    register = torch.nn.Module.register_parameter

    def noted(self, name, value):
        made.append(0 if value is None else value.numel())
        register(self, name, value)

    monkeypatch.setattr(torch.nn.Module, "register_parameter", noted)
    with pytest.raises(UserError, match="its modules are larger than its weights"):
        kind.load_folder(kind.change(modules=modules))
    assert sum(made) < 2**24


def test_tensors_made_from_sizes_are_counted():
    for make in (
        lambda: torch.empty(30, 40),
        lambda: torch.empty((30, 40)),
        lambda: torch.zeros([30, 40]),
        lambda: torch.ones(size=(30, 40)),
        lambda: torch.full((30, 40), 1.0),
        lambda: torch.randn(1200),
        lambda: torch.nn.Linear(30, 40),
        lambda: [torch.nn.Linear(20, 30) for _ in range(2)],
    ):
        with limited_size(1300):
            make()
        with pytest.raises(ValueError, match="larger than its weights"), limited_size(1100):
            make()


def test_arguments_by_kind_and_bound():
    assert checked_arguments("Fbank", {"n_mels": 80, "f_max": None}) == {"n_mels": 80, "f_max": None}
    small = {"architecture": {"encoder_num_layers": 2, "extractor_conv_layer_config": [[8, 10, 5], [8, 3, 2]]}}
    assert checked_arguments("SelfSupervised", small) == small
    assert checked_arguments("ECAPA_TDNN", {"activation": "GELU"}) == {"activation": torch.nn.GELU}
    for name, given in (
        ("Fbank", {"n_mels": 80.5}),
        ("Fbank", {"n_fft": 2**20}),
        ("Fbank", {"filter_shape": "round"}),
        ("Fbank", {"sample_rate": 8000}),
        ("ECAPA_TDNN", {"activation": "torch.nn.ReLU"}),
        ("ECAPA_TDNN", {"channels": [8] * 100}),
        ("ECAPA_TDNN", {"channels": [8, 10**6]}),
        ("ECAPA_TDNN", {"device": "cuda"}),
        ("IResNet", {"layers": [1, 1, 1, 10**4]}),
        ("SelfSupervised", {"weights": "/etc/passwd"}),
        ("SelfSupervised", {"architecture": {"encoder_num_layers": 10**4}}),
        ("SelfSupervised", {"architecture": {"encoder_embed_dim": 10**7}}),
        ("SelfSupervised", {"architecture": {"a": {"b": {"c": {"d": {"e": {}}}}}}}),
        ("RawWaves", {"window": 10**6}),
        ("Fbank", {3: 4}),
        ("Fbank", None),
    ):
        with pytest.raises(ValueError, match=name):
            checked_arguments(name, given)
    with pytest.raises(ValueError, match="not built from a folder; one of your own is, after"):
        build({"class": "my.Net", "arguments": {}})


JSONS = [
    b"",
    b"\xff\xfe",
    b"[" * 10**5,
    b'{"a": 1, "a": 2}',
    b'{"threshold": 1e999}',
    b"null",
    b"3",
    b'"x"',
    b"{" + b" " * 10,
]


@pytest.mark.parametrize("content", JSONS, ids=lambda content: repr(content[:12]))
def test_other_jsons_are_one_sentence(kind, content):
    for folder in (kind.copy(), kind.older()):
        (folder / kind.json).write_bytes(content)
        with pytest.raises(UserError, match="holds no encoder of ours"):
            kind.load_folder(folder)


def test_a_threshold_that_is_no_number_is_refused(kind):
    for value in (float("nan"), float("-inf")):
        folder = kind.older()
        metadata = json.loads((folder / kind.json).read_text())
        (folder / kind.json).write_text(json.dumps(metadata | {"threshold": value}))
        with pytest.raises(UserError, match="holds no encoder of ours .*threshold is"):
            kind.load_folder(folder)


@pytest.mark.parametrize("name", ["json", "hyperparams.yaml", "model.safetensors", "pickle"])
def test_what_is_no_file_is_refused_and_a_link_only_by_what_it_leads_to(kind, name, tmp_path):
    name = {"json": kind.json, "pickle": kind.pickle}.get(name, name)
    for make in (os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")):
        for folder in (kind.copy(), kind.older()):
            (folder / name).unlink(missing_ok=True)
            make(folder / name)
            with pytest.raises(UserError):
                kind.load_folder(folder)
    folder, cache = kind.copy(), tmp_path / "blob"  # as in the hub's cache
    (folder / name).rename(cache)
    (folder / name).symlink_to(cache)
    assert torch.equal(kind.embed(folder), kind.wanted)
    cache.write_bytes((ROOT / "setup.py").read_bytes())
    with pytest.raises(UserError):
        kind.load_folder(folder)


def test_digests_name_files_of_the_folder_alone(kind, tmp_path):
    metadata = json.loads((kind.folder / kind.json).read_text())
    for name in ("../secret", "/etc/hostname", "a/b"):
        folder = kind.copy()
        (tmp_path / "secret").write_text("")
        digests = {key: value for key, value in metadata["sha256"].items() if key != kind.json} | {name: "0"}
        inner = {**{k: v for k, v in metadata.items() if k != "sha256"}, "sha256": digests}
        from speechbrain_cadino.encoder.safe import _digest_of

        inner["sha256"] = digests | {kind.json: _digest_of(inner)}
        (folder / kind.json).write_text(json.dumps(inner))
        with pytest.raises(UserError, match="was changed or damaged"):
            kind.load_folder(folder)


def test_flipped_bits_are_refused_or_change_nothing(kind):
    """Over all files, as many a file; of those that say the settings, more."""
    rng, refused = np.random.default_rng(0), 0
    names = sorted(path.name for path in kind.folder.iterdir())
    folder = kind.copy()
    for name in names:
        good = (folder / name).read_bytes()
        for bit in rng.choice(8 * len(good), 60 if name.endswith(("json", "yaml")) else 25, replace=False):
            bad = bytearray(good)
            bad[bit // 8] ^= 1 << bit % 8
            (folder / name).write_bytes(bad)
            try:
                found = kind.embed(folder)
            except UserError as error:
                assert "\n" not in str(error)
                refused += 1
            else:
                assert torch.equal(found, kind.wanted), (name, bit)
                assert kind.load_folder(folder)[1]["threshold"] == 0.3
        (folder / name).write_bytes(good)
    assert refused > 100


def test_truncated_and_lengthened_files_are_refused(kind):
    folder = kind.copy()
    for path in sorted(folder.iterdir()):
        good = path.read_bytes()
        for bad in (b"", good[:7], good[: len(good) // 2], good[:-2], good + b"x"):
            path.write_bytes(bad)
            with pytest.raises(UserError):
                kind.load_folder(folder)
        path.unlink()
        with pytest.raises(UserError):
            kind.load_folder(folder)
        path.write_bytes(good)
    assert torch.equal(kind.embed(folder), kind.wanted)


def test_flipped_bits_in_the_weights_of_an_older_folder_are_refused_or_change_nothing(kind):
    rng, folder = np.random.default_rng(1), kind.older()
    good = (folder / kind.pickle).read_bytes()
    assert torch.equal(kind.embed(folder), kind.wanted)
    refused = 0
    for bit in rng.choice(8 * len(good), 60, replace=False):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        (folder / kind.pickle).write_bytes(bad)
        try:
            assert torch.equal(kind.embed(folder), kind.wanted), bit
        except UserError:
            refused += 1
    assert refused > 30


def test_an_older_folder_is_loaded_as_plain_data_and_it_is_said(kind, caplog):
    assert torch.equal(kind.embed(kind.older()), kind.wanted)
    assert caplog.text.count("was exported by an older version, without checksums") == 1
    caplog.clear()
    kind.embed(kind.folder)
    assert caplog.text == ""


def test_another_threshold_or_other_information_is_told(kind):
    for name, value in (("threshold", 0.1), ("info", {"EER": 0.1}), ("embedding_dim", 13), ("more", 1)):
        folder = kind.copy()
        metadata = json.loads((folder / kind.json).read_text())
        (folder / kind.json).write_text(json.dumps(metadata | {name: value}))
        with pytest.raises(UserError, match="was changed or damaged since the encoder was exported: export it again"):
            kind.load_folder(folder)
    (folder / kind.json).write_text(json.dumps(metadata, indent=7, sort_keys=True))  # spaces and order say nothing
    assert torch.equal(kind.embed(folder), kind.wanted)


def test_weights_of_another_encoder_are_told(tmp_path):
    first, second = (export_encoder(tiny_encoder(), tmp_path / name) for name in "ab")
    for name in ("model.safetensors", "embedding_model.ckpt"):
        folder = Path(shutil.copytree(first, tmp_path / f"mixed {name}"))
        shutil.copy(second / name, folder / name)
        with pytest.raises(UserError, match=f"{name} was changed or damaged .*may not see one encoder"):
            load_encoder(folder)


def test_loading_draws_as_many_random_numbers_as_ever(kind):
    """One network's worth: a run that starts from a folder goes on with the numbers that it always had."""
    torch.manual_seed(5)
    kind.load_folder(kind.folder)
    after = torch.rand(1)
    torch.manual_seed(5)
    kind.load_folder(kind.older())
    assert torch.equal(torch.rand(1), after)
    net = tiny_encoder()
    state = torch.random.get_rng_state()
    export_encoder(net, kind.tmp / "again")
    drawn = torch.random.get_rng_state()
    torch.random.set_rng_state(state)
    load_encoder(kind.tmp / "again")  # as plain SpeechBrain does once in the export's check
    assert torch.equal(torch.random.get_rng_state(), drawn)


def test_training_starts_from_a_folder_by_the_same_loader(tmp_path):
    folder = export_encoder(tiny_encoder(), tmp_path / "encoder")
    net = tiny_encoder(trained=False)
    start_from_encoder(net, folder)
    (folder / "hyperparams.yaml").write_text("a: !apply:os.system [echo]")
    with pytest.raises(UserError, match="was changed or damaged"):
        start_from_encoder(net, folder)


# The export's check of what it wrote itself, a run's own settings, and a folder of plain SpeechBrain that is trusted.
MAY_RUN_YAML = ("encoder/export.py", "utils/settings/load.py", "encoder/speechbrain_folder.py")


def test_every_load_of_a_pickle_takes_tensors_alone():
    for path in [*(ROOT / "speechbrain_cadino").rglob("*.py"), *(ROOT / "recipes").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        for call in re.findall(r"(?<![\w.])torch\.load\([^\n]*", text):
            assert "weights_only=True" in call, f"{path}: {call}"
        assert "allow_pickle=True" not in text and "weights_only=False" not in text, path
        if "import EncoderClassifier" in text or "import load_hyperpyyaml" in text:
            assert str(path.relative_to(ROOT / "speechbrain_cadino")) in MAY_RUN_YAML, path
