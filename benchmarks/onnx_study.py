#!/usr/bin/env python3
"""An encoder in torch, as ONNX and as ONNX in int8: size, time on one thread, and error on a list of trials.

    python benchmarks/onnx_study.py results/dino/encoder --trials trials.txt --folder wav

Each utterance goes in alone, by all three in turn, so whatever else the machine does slows all of them. It needs
pip install 'speechbrain-cadino[onnx]'. Without --trials, 20 noises of 5 s are timed, and there are no errors.
"""

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from speechbrain_cadino.corpus.audio import SAMPLE_RATE, read_audio
from speechbrain_cadino.corpus.trials import read_trials, utterance_paths
from speechbrain_cadino.encoder.load import load_encoder
from speechbrain_cadino.publish.int8 import quantise
from speechbrain_cadino.publish.onnx_file import export_onnx
from speechbrain_cadino.utils.errors import one_sentence_errors
from speechbrain_cadino.utils.extras import need
from speechbrain_cadino.verification.report import format_table, metrics_row
from speechbrain_cadino.verification.scoring import score_trials


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", type=Path, help="an encoder's folder, which stays as it is")
    parser.add_argument("--trials", help="lines 'label enrol test'")
    parser.add_argument("--folder", default=".", help="what the list's names start from")
    args = parser.parse_args(argv)
    trials, waves = None, [0.1 * np.random.default_rng(0).standard_normal(5 * SAMPLE_RATE, np.float32)] * 20
    if args.trials:
        trials = read_trials(args.trials)
        waves = [read_audio(str(path)) for path in utterance_paths(trials, args.folder)]
    print(format_table(compare(args.encoder, waves, trials), formats={}))


def compare(folder, waves, trials):
    """A row for torch, ONNX and int8 each."""
    torch.set_num_threads(1)
    net = load_encoder(folder)[0].eval()
    weights = sum(tensor.numel() * tensor.element_size() for tensor in net.state_dict().values())
    with tempfile.TemporaryDirectory() as temporary, torch.inference_mode():
        files = {name: Path(temporary, f"{name}.onnx") for name in ("onnx", "onnx_int8")}
        export_onnx(folder, files["onnx"])
        shutil.copy(files["onnx"], files["onnx_int8"])
        quantise(files["onnx_int8"])
        sizes = {"torch": weights} | {name: os.path.getsize(path) for name, path in files.items()}
        ways = {"torch": lambda wave: net(torch.from_numpy(wave[None]))[0].numpy()}
        ways |= {name: onnx_way(path) for name, path in files.items()}
        embeddings, times = run(ways, waves)
    rows = []
    for name in ways:
        cosines = [x @ y / np.linalg.norm(x) / np.linalg.norm(y) for x, y in zip(embeddings[name], embeddings["torch"])]
        found = {} if trials is None else metrics_row(score_trials(embeddings[name], trials), trials.labels)
        row = {
            "encoder": name,
            "MB": f"{sizes[name] / 1e6:.2f}",
            "ms for 1 s": f"{1000 * times[name] * SAMPLE_RATE / sum(map(len, waves)):.2f}",
            "speed": f"{times['torch'] / times[name]:.2f}",
            "least cosine": f"{min(cosines):.4f}",
        }
        rows.append(row | {key: f"{value:.3f}" for key, value in found.items() if isinstance(value, float)})
    return rows


def onnx_way(path):
    runtime = need("onnxruntime", "onnx", "This study needs")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda wave: session.run(None, {"waves": wave[None]})[0][0]


def run(ways, waves):
    """Embeddings by way, and CPU seconds: the clock of a busy machine would tell about the others."""
    embeddings, times = {name: [] for name in ways}, dict.fromkeys(ways, 0.0)
    for way in ways.values():
        way(waves[0])
    for wave in waves:
        for name, way in ways.items():
            start = time.process_time()
            embeddings[name].append(way(wave))
            times[name] += time.process_time() - start
    return {name: np.stack(rows) for name, rows in embeddings.items()}, times


if __name__ == "__main__":
    with one_sentence_errors():
        main()
