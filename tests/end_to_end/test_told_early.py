"""What is wrong is told before the corpus is read, or, where that decides, right after it; nothing is written."""

import pytest
import torch

from tests.end_to_end.conftest import RECIPE, options, run_script, training


@pytest.fixture
def stop(corpus, tmp_path, monkeypatch):
    """Give a function that runs train.py, whose corpus must not be read, and returns its one sentence."""

    def stop(hparams="hparams/dino.yaml", read=False, device="cpu", **settings):
        if not read:
            monkeypatch.setattr("speechbrain_cadino.corpus.prepare.prepare_corpus", None)
            monkeypatch.setattr("speechbrain_cadino.corpus.scan.list_folder", None)
        arguments = training(tmp_path / "run", hparams, **{**corpus.lists, **settings})
        arguments[arguments.index("cpu")] = device
        sentence = run_script("train.py", *arguments).error()
        left = {path.name for path in tmp_path.glob("run/*")}
        # What was found of the corpus is kept: with the number corrected it is not read anew.
        assert left == ({"corpus", "run.json", "save", "utterances.npz"} if read else set())
        assert (tmp_path / "run").exists() is read
        return sentence

    return stop


@pytest.mark.parametrize("factors", [[0], [-1.0], [], [0.9, 50], [0.9, 0.1], [float("nan")], ["fast"], 0.9, [1e308]])
def test_speed_factors(stop, factors):
    assert "speed_factors" in stop(speed_factors=factors)
    assert "speed_factors" in stop(dataset=dict(speed_factors=factors))


@pytest.mark.parametrize(
    "name, value",
    [
        ("seed", 2**32), ("n_prototypes", 1), ("retrieval_utterances", 1), ("lr_schedule", {"peak": -1.0}),
        ("prepare_options", {"workers": 0}), ("prepare_options", {"workers": 2.5}),
        ("compute_features", {"filter_shape": "round"}), ("compute_features", {"win_length": 0}),
        ("compute_features", {"hop_length": -10}), ("compute_features", {"n_fft": 0}),
        ("compute_features", {"n_mels": 40}),
        ("crops", {"n_global": 1, "n_local": 0}), ("crops", {"global_seconds": 3000.0}),
        ("augment_settings", {"channel": 3}), ("head", {"in_dim": 3}),
    ],
)  # fmt: skip
def test_what_cannot_work(stop, name, value):
    sentence = stop(**{name: value})
    assert (
        name in sentence
        and all(part in sentence for part in (value if isinstance(value, dict) else ()))
        or (name in ("compute_features", "head") and "cannot take" in sentence)
    )


def test_the_home_folder(corpus, tmp_path, monkeypatch):
    """A shell leaves it as it is after = and in quotes, and in a file there is no shell."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    hparams = tmp_path / "hparams.yaml"
    hparams.write_text(f"base: {RECIPE}/hparams/dino.yaml\nnoise_folder: ~/noise\n")
    assert f"{tmp_path}/home/noise" in run_script("train.py", *training("~/run", hparams, **corpus.lists)).error()
    held_out = training("~/run", **corpus.lists, held_out_trials=["~/a.txt"])
    assert f"{tmp_path}/home/a.txt" in run_script("train.py", *held_out).error()
    assert not (RECIPE / "~").exists()


def test_devices(stop, monkeypatch):
    assert "The device foo cannot be used here" in stop(device="foo")
    assert "The device meta cannot be used here" in stop(device="meta")
    assert "The device cuda:77 cannot be used here" in stop(device="cuda:77")
    if not torch.cuda.is_available():
        assert "The device cuda cannot be used here, PyTorch finds no GPUs: give another one" in stop(device="cuda")


@pytest.mark.parametrize("precision", ["fp8", "int8", "float32", "16", ""])
def test_precision(stop, precision):
    assert "precision" in stop(precision=precision)


def test_the_batch(stop, monkeypatch):
    assert "batch_size is 1, for 1 process: set at least 2" in stop(batch_size=1)
    assert "grad_accumulation_factor is 0" in stop(grad_accumulation_factor=0)
    assert "batch_size" in stop(batch_size=0) and "batch_size" in stop(batch_size=-4)
    monkeypatch.setattr("speechbrain_cadino.training.loader.world_size", lambda: 3)
    assert "batch_size 8 cannot be shared by 3 processes" in stop(batch_size=8)


@pytest.mark.parametrize("settings", [dict(batch_size=17), dict(grad_accumulation_factor=5), dict(batch_size=10**6)])
def test_the_batch_and_the_corpus(stop, settings, tmp_path):
    sentence = stop(read=True, **settings)
    assert "utterances do not fill one batch" in sentence or "an epoch has 4 batches" in sentence


def test_noise_and_development_lists(stop, tmp_path):
    assert "absent" in stop(noise_folder=tmp_path / "absent") and "absent" in stop(rir_folder=tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    assert "empty" in stop(noise_folder=tmp_path / "empty") and "empty" in stop(rir_folder=tmp_path / "empty")
    assert "is absent (7 of 7 are)" in stop(development_folder=tmp_path / "empty")
    (tmp_path / "one_kind.txt").write_text("1 talker4/s0/0.wav talker4/s1/0.wav\n")
    assert "trial" in stop(development_trials=tmp_path / "one_kind.txt")


WRONG = {
    "brain_class": "!name:torch.nn.Linear",
    "dataset": "!name:os.path.join",
    "augment": "!name:os.path.join",
    "opt_class": "!name:torch.optim.LBFGS",
    "lr_schedule": "!new:torch.nn.Identity",
    "checkpointer": "!new:torch.nn.Identity",
    "run": "!name:torch.nn.Linear",
    "train_loggers": "{text: !name:os.path.join , tensorboard: null}",
    "epoch_counter": "!new:torch.nn.Identity",
    "gradient_clipper": "!name:speechbrain_cadino.training.clipping.GradientClipper",
    "dino_loss": "!new:torch.nn.Identity",
    "modules": "{student: 3}",
}


@pytest.mark.parametrize("name", WRONG)
def test_objects(corpus, tmp_path, name):
    hparams = tmp_path / "hparams.yaml"
    hparams.write_text(f"base: {RECIPE}/hparams/dino.yaml\nrun: null\n")
    arguments = training(tmp_path / "run", hparams, **corpus.lists)
    sentence = run_script("train.py", *arguments, f"--{name}", WRONG[name]).error()
    assert f"{name} is " in sentence or f"{name}." in sentence
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("budget", ["os.path.join", "torch.nn.Linear", "nowhere.at.all"])
def test_a_budget(stop, budget):
    hparams = "hparams/small.yaml"
    assert "budget" in stop(hparams, batch_size="auto", budget=f"!name:{budget}")


@pytest.mark.parametrize("name", ["gate", "clustering", "corrector", "aam"])
def test_objects_of_stage_two(corpus, tmp_path, name):
    arguments = [
        "hparams/dlg_lc.yaml",
        "--device",
        "cpu",
        *options({"output_folder": tmp_path / "run", **corpus.lists}),
    ]
    sentence = run_script(
        "train.py", *arguments, "--labels", corpus.folder / "trials.txt", f"--{name}", "!new:torch.nn.Identity"
    ).error()
    assert f"{name} is an object of torch.nn" in sentence and ", and must be " in sentence
