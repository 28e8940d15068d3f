"""``cluster``: audio or embeddings -> who is in which file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from speechbrain_cadino.commands.options import (
    NOT_ALL,
    SEED,
    Once,
    OverZero,
    check_data_folder,
    check_files,
    check_unused,
    device_option,
    example,
)
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.imports import stoppable_imports

SHOWN = 20  # clusters on the screen


class NumberOrAuto(click.ParamType):
    """A whole number over 0, or auto."""

    name = "NUMBER|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """The number, or "auto"."""
        if str(value) == "auto":
            return "auto"
        if not str(value).isdecimal() or int(value) < 1:
            self.fail(f"{value!r} is no whole number over 0, nor auto.", param, ctx)
        return int(value)


@click.command(
    "cluster",
    cls=Once,
    short_help="files to clusters: who is in which file",
    epilog=example(
        "speechbrain-cadino cluster wav --encoder encoder -o clusters.csv",
        "speechbrain-cadino cluster embeddings.parquet --n_clusters 12 -o clusters.csv",
    ),
)
@click.argument("source", nargs=-1, required=True)
@click.option("--output", "-o", required=True, help="CSV to write: ID, cluster, distance to its mean")
@click.option("--n_clusters", "-n", type=NumberOrAuto(), default="auto", show_default=True, help="how many")
@click.option("--encoder", help="folder that training exported: SOURCE is then audio")
@click.option("--data_folder", help="folder that the names of a list or CSV start from  [default: here]")
@click.option("--ids", help="list with the ID of each row of an .npy  [default: ids.txt beside it]")
@click.option("--summary", help="CSV to write: each cluster's files, minutes, and its most typical file")
@click.option("--seed", type=SEED, default=0, show_default=True, help="of k-means and of what the choice looks at")
@click.option("--batch_seconds", type=OverZero(), default=200.0, show_default=True, help="audio in a batch")
@device_option
def command(source, output, n_clusters, encoder, data_folder, ids, summary, seed, batch_seconds, device) -> None:
    """Tell who is in which file: clusters of the files of a folder, a list, or a file of embeddings.

    With --encoder the audio is embedded first, as by the command embed, into OUTPUT_embeddings.npz, from which other
    numbers of clusters are found at once. auto takes the number whose clusters stand out most from those beside them.
    OUTPUT can be the labels of stage II's training.
    """
    _check(source, output, summary, encoder, ids)
    check_data_folder(source, data_folder)
    with stoppable_imports():
        from speechbrain_cadino.clusters.of_files import cluster_files
        from speechbrain_cadino.encoder.load import load_encoder
        from speechbrain_cadino.encoder.of_files import embed_files
        from speechbrain_cadino.encoder.table_files import read_table
        from speechbrain_cadino.utils.files import write_csv
        from speechbrain_cadino.verification.report import format_table
    source, done = source[0] if len(source) == 1 else source, None
    if encoder:
        embeddings = Path(output).with_name(f"{Path(output).stem}_embeddings.npz")
        net = load_encoder(encoder, device)[0]
        done = embed_files(net, source, embeddings, data_folder, batch_seconds=batch_seconds)
        print(f"Embeddings of {done.n_embedded} files are in {embeddings}.")
        source = embeddings
    table, seconds = read_table(source, ids)
    found = cluster_files(table.ids, table.embeddings, n_clusters, seconds, seed)
    found.table.write(output)
    rows = found.summary()
    if summary:
        write_csv(summary, list(rows[0]), [list(row.values()) for row in rows])
    print(format_table(rows[:SHOWN]))
    if len(rows) > SHOWN:
        print(f"... and {len(rows) - SHOWN} smaller ones.")
    if n_clusters not in ("auto", len(rows)):
        print(f"{n_clusters} clusters were asked for: of so few different embeddings there are only {len(rows)}.")
    singles = sum(row["files"] == 1 for row in rows)
    clear = f"; silhouette {found.silhouette:.3f} (1: clear, 0: none)" if len(rows) > 1 else ""
    print(f"{len(table)} files in {len(rows)} clusters, {singles} of one file alone{clear}. The table is {output}.")
    if done and done.rejected:
        print(f"{len(done.rejected)} files could not be used, see {done.rejected_path}.")
        click.get_current_context().exit(NOT_ALL)


def _check(source, output, summary, encoder, ids):
    """What cannot be right, before anything is read."""
    for name, path in (("--output", output), ("--summary", summary)):
        if path and not path.lower().endswith(".csv"):
            raise UserError(f"{name} is {path}: call it .csv.")
    check_files({"--output": output, "--summary": summary}, [*source, ids])
    is_table = [one.lower().endswith((".parquet", ".npz", ".npy")) for one in source]
    if encoder and any(is_table):
        raise UserError(f"{source[is_table.index(True)]} is a file of embeddings: leave --encoder out.")
    if encoder and ids:
        raise UserError("--ids is for embeddings, and --encoder for audio: leave one out.")
    if not encoder and (len(source) > 1 or Path(source[0]).is_dir() and not Path(source[0], "embeddings.npy").exists()):
        raise UserError(f"{source[0]} is no file of embeddings: give --encoder, to embed its audio.")
    if not encoder:
        check_unused(("data_folder", "batch_seconds", "device"), "with embeddings, which are there already")
