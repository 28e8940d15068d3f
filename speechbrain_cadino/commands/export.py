"""``export``: an encoder folder as an ONNX file, and its model card."""

from __future__ import annotations

import click

from speechbrain_cadino.commands.options import NOT_ALL, Once, example
from speechbrain_cadino.utils.imports import stoppable_imports


@click.command(
    "export",
    cls=Once,
    short_help="an encoder as ONNX, and its model card",
    epilog=example(
        "speechbrain-cadino export results/dino/1986 --onnx",
        "speechbrain-cadino export results/dino/1986/encoder --card --license cc-by-4.0",
    ),
)
@click.argument("folder", metavar="RUN_OR_ENCODER")
@click.option("--onnx", is_flag=True, help="write model.onnx into the encoder's folder")
@click.option("--int8", is_flag=True, help="with --onnx: model_int8.onnx, smaller, with other embeddings")
@click.option("-o", "--output", metavar="FILE", help="with --onnx: another file, which ends with .onnx")
@click.option("--card", is_flag=True, help="write the model card, README.md, anew")
@click.option("--license", help="with --card: as the hub names it, such as cc-by-4.0")
@click.option("--face", is_flag=True, help="of a run: its encoder of faces")
def command(folder, onnx, int8, output, card, license, face) -> None:
    """Give an encoder to others: as one ONNX file, with a model card.

    Of a run the last encoder counts. The ONNX file is compared with the encoder before it gets its name, and needs
    ONNX Runtime alone. A README.md in the folder that is no card of this package's stays as it is.
    """
    if not onnx and not card:
        raise click.UsageError("Say what to export: --onnx, --card, or both.")
    for name, value, needed, with_it in (
        ("--int8", int8, onnx, "--onnx"),
        ("--output", output, onnx, "--onnx"),
        ("--license", license, card, "--card"),
    ):
        if value and not needed:
            raise click.UsageError(f"{name} does nothing without {with_it}.")
    with stoppable_imports():
        from speechbrain_cadino.publish.card import write_card
        from speechbrain_cadino.publish.find import find_encoder
        from speechbrain_cadino.publish.onnx_file import export_onnx
    encoder = find_encoder(folder, face)
    if onnx:
        click.echo(f"The ONNX file is {export_onnx(encoder, output, int8)}.")
    if card:
        path = write_card(encoder, license)
        if path is None:
            click.get_current_context().exit(NOT_ALL)  # write_card has said why
        click.echo(f"The model card is {path}.")
