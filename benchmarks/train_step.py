#!/usr/bin/env python3
"""Speed and memory of the DINO training step at demo size, against a plain reference in the same run.

> python benchmarks/train_step.py --threads 2 --repeats 10

Two comparisons. "compute": features, forward, loss, backward, clipping, optimiser and EMA, on crops that are there.
"end to end": reading, cropping and augmentation too. Each variant runs in a process of its own, so that its peak of
memory is its own. The processes take turns step by step, so that a machine that slows down slows both; medians count.
`steps.py` has the two variants. Before anything is timed, both must give the same losses, batch norm frozen, to 1e-4.

The target is a ratio of at least 1.3 end to end. GFLOP are those of the matrix products and convolutions of a step,
counted by their shapes. "kept MB" is what forward keeps for backward, parameters left out. "step MB" is the peak of the
process less what it held before its first step.
"""

import argparse
import dataclasses
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path

from speechbrain_cadino.utils.imports import stoppable_imports

with stoppable_imports():  # they take seconds
    import numpy as np
    import soundfile
    import torch
    from steps import SGD, PackageStep, PlainStep, Sizes
    from torch.utils.flop_counter import FlopCounterMode

    from speechbrain_cadino.augmentation.noise import babble
    from speechbrain_cadino.augmentation.parameters import AugmentationSampler
    from speechbrain_cadino.augmentation.settings import AugmentationSettings
    from speechbrain_cadino.corpus.audio import SAMPLE_RATE
    from speechbrain_cadino.corpus.manifest import Manifest
    from speechbrain_cadino.utils.errors import UserError, one_sentence_errors
    from speechbrain_cadino.verification.report import format_table
    from speechbrain_cadino.views.dataset import ViewDataset


VARIANTS = {"reference": PlainStep, "package": PackageStep}
TOLERANCE = 1e-4
FORMATS = {"s/step": ".3f", "utterances/s": ".1f", "ratio": ".2f", "GFLOP": ".1f", "GFLOP/s": ".1f"}
WARMUP_STEPS = 2


def main(arguments=None):
    options = parse(arguments)
    sizes = sizes_of(options)
    with tempfile.TemporaryDirectory() as folder:
        manifest = make_corpus(folder, 2 * sizes.batch)
        losses, costs = in_a_process(check, sizes, manifest, options)
        worst = max(abs(plain - ours) for plain, ours in zip(*losses))
        print(f"Losses, batch norm frozen: {losses[0]} and {losses[1]}; largest difference {worst:.1e}", flush=True)
        if not worst <= TOLERANCE:
            raise UserError(f"The losses differ by more than {TOLERANCE:g}: the variants do not compute the same.")
        rows = []
        for name, augmented in (("compute", False), ("end to end", True)):
            rows += compare(name, augmented, sizes, manifest, options, costs)
    load = os.getloadavg()
    print(f"{options.device}, {options.threads} threads, {options.repeats} steps each, load {load[0]:.1f}")
    print(format_table(rows, formats=FORMATS))
    return rows


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="threads of each variant")
    parser.add_argument("--repeats", type=int, default=10, help="timed steps of each variant in each comparison")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    for field in dataclasses.fields(Sizes):
        parser.add_argument(f"--{field.name}", type=field.type, default=field.default)
    options = parser.parse_args(arguments)
    for name, least in (("threads", 1), ("repeats", 1), ("batch", 2)):
        if getattr(options, name) < least:
            raise UserError(f"--{name} is {getattr(options, name)}: give at least {least}.")
    if options.device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device is cuda and PyTorch sees no GPU here: give --device cpu.")
    return options


def sizes_of(options):
    return Sizes(**{field.name: getattr(options, field.name) for field in dataclasses.fields(Sizes)})


def make_corpus(folder, n_utterances):
    """Utterances of 3 to 9 s, noise with the spectrum and the syllables of speech, as 16-bit files."""
    rng = np.random.default_rng(0)
    paths, lengths = [], rng.integers(3 * SAMPLE_RATE, 9 * SAMPLE_RATE, n_utterances)
    for index, length in enumerate(lengths):
        paths.append(str(Path(folder, f"{index}.wav")))
        soundfile.write(paths[-1], 0.05 * babble(rng, length, n_talkers=1), SAMPLE_RATE, subtype="PCM_16")
    return Manifest([Path(path).stem for path in paths], paths, np.zeros(n_utterances), lengths)


def make_dataset(manifest, sizes, augmented):
    """The crops of the corpus, held in memory; with what augmentation draws by default, or nothing drawn."""
    drawer = AugmentationSampler(AugmentationSettings()) if augmented else None
    return ViewDataset(manifest, sizes.crops, seed=0, augment=drawer, preload=True)


def in_a_process(function, *arguments):
    """The result of a function that is run in a process of its own, which leaves no memory behind."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        result = pool.apply(function, arguments)
        pool.close()  # let it end by itself: one that is stopped leaves semaphores behind
        pool.join()
    return result


def check(sizes, manifest, options, n_steps=2):
    """Whether both variants learn alike: a few steps to move weights and statistics off their start, then frozen ones.

    Returns
    -------
    losses : list of list of float
        For each variant, the losses of ``n_steps`` steps on augmented crops with batch norm frozen, the same weights
        before the first: later ones show that gradients, clipping, optimiser, center and EMA agree too.
    costs : dict
        What `count_costs` gives, by variant.
    """
    torch.set_num_threads(options.threads)
    allow_tf32(False)
    dataset = make_dataset(manifest, sizes, augmented=True)
    steps = {name: variant(sizes, options.device, SGD) for name, variant in VARIANTS.items()}
    batches = {name: step.batches(dataset) for name, step in steps.items()}
    costs = {name: count_costs(step, next(batches[name])) for name, step in steps.items()}
    reference, package = steps.values()
    package.student.load_state_dict(reference.student.state_dict())
    package.teacher.load_state_dict(reference.teacher.state_dict())
    losses = []
    for name, step in steps.items():
        for net in (step.student, step.teacher):
            net.eval()
        losses.append([step.fit(batch) for batch in islice(batches[name], n_steps)])
    return losses, costs


def count_costs(step, batch):
    """Floating-point operations of a step, and bytes that its forward keeps for backward."""
    own = {parameter.untyped_storage().data_ptr() for parameter in step.student.parameters()}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with FlopCounterMode(display=False) as counter, hooks:
        step.fit(batch)
    return {"flop": counter.get_total_flops(), "kept": sum(kept.values())}


def compare(name, augmented, sizes, manifest, options, costs):
    """Rows of the table, dicts by column: both variants step by step in turns, each in its process."""
    context = multiprocessing.get_context("spawn")
    ends, processes = [], []
    for variant in VARIANTS:
        end, other = context.Pipe()
        process = context.Process(target=serve, args=(other, variant, augmented, sizes, manifest, options))
        process.daemon = True
        process.start()
        other.close()
        ends.append(end)
        processes.append(process)
    measured = [[ask(end) for end in ends] for _ in range(WARMUP_STEPS + options.repeats)][WARMUP_STEPS:]
    for end, process in zip(ends, processes):
        end.send(False)
        process.join()
    rows = []
    for variant, results in zip(VARIANTS, zip(*measured)):
        seconds = statistics.median(seconds for seconds, _, _ in results)
        flop = costs[variant]["flop"] / 1e9
        rows.append(
            {
                "comparison": name,
                "variant": variant,
                "s/step": seconds,
                "utterances/s": sizes.batch / seconds,
                "ratio": rows[0]["s/step"] / seconds if rows else 1.0,
                "peak MB": round(results[-1][1] / 1e6),
                "step MB": round((results[-1][1] - results[-1][2]) / 1e6),
                "kept MB": round(costs[variant]["kept"] / 1e6),
                "GFLOP": flop,
                "GFLOP/s": flop / seconds,
            }
        )
    return rows


def ask(end):
    """One step of a process: its seconds, the peak of its memory so far, and that before its first step."""
    end.send(True)
    try:
        return end.recv()
    except EOFError:
        raise UserError("A variant's process has ended, perhaps for want of memory: give a smaller --batch.") from None


def serve(end, variant, augmented, sizes, manifest, options):
    """What a process does: a timed step whenever it is asked for one."""
    torch.set_num_threads(options.threads)
    allow_tf32(True)
    step = VARIANTS[variant](sizes, options.device)
    batches = step.batches(make_dataset(manifest, sizes, augmented))
    before = peak_memory(options.device)
    while end.recv():
        batch = None if augmented else next(batches)
        start = time.perf_counter()
        step.fit(next(batches) if augmented else batch)
        if options.device != "cpu":
            torch.cuda.synchronize()
        end.send((time.perf_counter() - start, peak_memory(options.device), before))


def allow_tf32(allowed):
    """On a GPU, for all alike. PyTorch allows it for convolutions alone, SpeechBrain for matrix products too."""
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed


def peak_memory(device):
    """Bytes: of the process on a CPU, of PyTorch's tensors on a GPU."""
    if device == "cpu":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return torch.cuda.max_memory_allocated()


if __name__ == "__main__":
    with one_sentence_errors():
        main()
