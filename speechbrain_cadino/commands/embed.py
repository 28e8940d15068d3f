"""``embed``: a folder, a list or files -> a file of embeddings."""

from __future__ import annotations

import click

from speechbrain_cadino.commands.options import (
    NOT_ALL,
    Once,
    OverZero,
    check_data_folder,
    check_unused,
    device_option,
    example,
)
from speechbrain_cadino.utils.imports import stoppable_imports


@click.command(
    "embed",
    cls=Once,
    short_help="files to embeddings",
    epilog=example(
        "speechbrain-cadino embed wav --encoder encoder -o embeddings.parquet",
        "speechbrain-cadino embed list.txt --data_folder wav --encoder encoder -o embeddings.npz",
    ),
)
@click.argument("source", nargs=-1, required=True)
@click.option("--encoder", required=True, help="folder that training exported")
@click.option("--output", "-o", required=True, help="file to write: .parquet (needs pyarrow), .npz or .csv")
@click.option("--data_folder", help="folder that the names of a list or CSV start from  [default: here]")
@click.option("--face", is_flag=True, help="pictures, with an encoder of faces")
@click.option("--strict", is_flag=True, help="stop at a file that cannot be used")
@click.option("--batch_seconds", type=OverZero(), default=200.0, show_default=True, help="audio in a batch")
@device_option
def command(source, encoder, output, data_folder, face, strict, batch_seconds, device) -> None:
    """Embed the files of a folder with all its sub-folders, of a list or CSV, or files by name.

    IDs are paths below the folder, or as they are given; durations stand beside them. Any rate, format and number of
    channels. Files that cannot be used are counted and listed in OUTPUT_rejected.csv, with exit status 3. Killed, the
    same command goes on.
    """
    with stoppable_imports():
        from speechbrain_cadino.encoder.load import load_encoder
        from speechbrain_cadino.encoder.of_files import check_out, embed_files
        from speechbrain_cadino.faces.load import load_face_encoder
        from speechbrain_cadino.faces.of_files import embed_face_files
    check_data_folder(source, data_folder)
    check_out(output, source)  # before the encoder is read
    source = source[0] if len(source) == 1 else source
    if face:
        check_unused(["batch_seconds"], "with --face")
        done = embed_face_files(load_face_encoder(encoder, device)[0], source, output, data_folder, strict)
    else:
        net = load_encoder(encoder, device)[0]
        done = embed_files(net, source, output, data_folder, strict, batch_seconds)
    print(f"{done.n_embedded} embeddings of {done.dim} numbers are in {output}.")
    if done.rejected:
        path, reason = done.rejected[0]
        print(f"{len(done.rejected)} files could not be used, see {done.rejected_path}; the first: {path} {reason}")
        click.get_current_context().exit(NOT_ALL)
