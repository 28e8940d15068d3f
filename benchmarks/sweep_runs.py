"""The processes of a sweep: so many at once, each run finished once, all of it resumable."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

from tqdm import tqdm

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path, make_folder
from speechbrain_cadino.utils.locks import hold_folder

STARTED, FINISHED = "started.json", "finished.json"  # one file: the run's settings, renamed at the end
LOG = "run.log"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
POLL_SECONDS = 0.2
GRACE_SECONDS = 10


def run_all(runs, output, jobs):
    """Run what is not finished, ``jobs`` at once, in the order given; a run that fails does not stop the others.

    Arguments
    ---------
    runs : list of Run
    output : Path
        The sweep's folder. One call at a time works in it.
    jobs : int

    Returns
    -------
    dict
        Name of each run that is not finished to the reason.

    Raises
    ------
    UserError
        If a run was made with other settings, another call is at work, or SIGINT or SIGTERM came; whatever is
        raised, the processes are ended.
    """
    running, failures = {}, {}
    with hold_folder(output) as held, stop_signals() as received:
        waiting = [run for run in runs if not is_finished(run)]
        settings = {run: run.settings() for run in runs}
        for run in runs:
            check_settings(run, settings[run])
        bar = tqdm(total=len(runs), initial=len(runs) - len(waiting), desc="sweep", unit="run", dynamic_ncols=True)
        try:
            while not received:
                while len(running) < jobs and (run := first_ready(waiting, output)):
                    waiting.remove(run)
                    if has_changed(run, settings[run]):
                        failures[run.name] = f"not started, {run.cell.hparams} has changed since the sweep began"
                        continue
                    running[run] = start(run, settings[run], held)
                names = ", ".join(run.name for run in running)
                if names != bar.postfix:
                    bar.set_postfix_str(names)
                if not running:
                    break
                time.sleep(POLL_SECONDS)
                for run in [run for run, process in running.items() if process.poll() is not None]:
                    status = running.pop(run).returncode
                    if status == 0:
                        os.replace(run.folder / STARTED, run.folder / FINISHED)
                        bar.update()
                    else:
                        failures[run.name] = f"status {status}, {last_line(run.folder / LOG)}"
        finally:
            end(running.values())
            bar.close()
    if received:
        raise UserError(f"The sweep was stopped by {signal.Signals(received[0]).name}: the same command goes on.")
    return failures | {run.name: f"not started, it comes after {run.before}, which is not finished" for run in waiting}


def is_finished(run):
    """Whether the run's script has ended well."""
    return (run.folder / FINISHED).is_file()


def first_ready(waiting, output):
    """The first run whose predecessor, if it has one, is finished; None if there is none."""
    return next((run for run in waiting if not run.before or (output / run.before / FINISHED).is_file()), None)


def check_settings(run, settings):
    """Refuse to go on with a run, or to keep a finished one, that was made with other settings.

    A run without a checkpoint has nothing to lose and starts anew: a misspelt option can simply be corrected.
    """
    marker = run.folder / (FINISHED if is_finished(run) else STARTED)
    if not marker.is_file() or not (is_finished(run) or any(run.folder.glob("save/CKPT*"))):
        return
    old = json.loads(marker.read_text(encoding="utf-8"))
    changed = sorted(name for name in old.keys() | settings.keys() if old.get(name) != settings.get(name))
    if changed:
        raise UserError(
            f"{run.folder} was made with other settings ({', '.join(changed)} changed since): give another "
            "--output, or delete that folder to run it again."
        )


def has_changed(run, settings):
    """Whether the run's YAML has changed, or cannot be read any more, since these settings were."""
    try:
        return run.settings() != settings
    except UserError:
        return True


def start(run, settings, held):
    """Start a run's script in its own folder, all it prints going to the log; the lock lasts as long as the process."""
    make_folder(run.folder)
    with atomic_path(run.folder / STARTED) as temporary:
        temporary.write_text(json.dumps(settings, indent=1), encoding="utf-8")
    command = [sys.executable, *run.arguments()]
    with open(run.folder / LOG, "a", encoding="utf-8") as log:
        print("\n>", shlex.join(command), file=log, flush=True)  # what was killed left its line open
        return subprocess.Popen(
            command,
            cwd=run.script.parent,
            env={**os.environ, **ONE_THREAD},
            stdout=log,
            stderr=subprocess.STDOUT,
            # A run that outlives its sweep, killed without warning, is not started a second time beside itself.
            pass_fds=[] if held.fileno() is None else [held.fileno()],
            start_new_session=True,  # Ctrl-C reaches this process alone, which then ends the group, workers included
        )


def end(processes):
    """End processes and their children, if need be by force."""
    for process in processes:
        signal_group(process, signal.SIGTERM)
    for process in processes:
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            signal_group(process, signal.SIGKILL)
            process.wait()


def signal_group(process, number):
    """Send a signal to a process and its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def last_line(log):
    """The last line of a log that is not blank; a progress bar's states are lines too."""
    return [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()][-1]


@contextmanager
def stop_signals():
    """Collect SIGINT and SIGTERM in the list that is given, instead of being interrupted anywhere."""
    received = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, _: received.append(number)) for number in numbers]
    try:
        yield received
    finally:
        for number, handler in zip(numbers, before):
            signal.signal(number, handler)
