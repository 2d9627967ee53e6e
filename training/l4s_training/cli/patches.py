"""``l4s-train patches``: new patches from a scene and its inventory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from l4s_geo.cli.options import scene_options

if TYPE_CHECKING:
    from l4s_geo.stack.stack import Stack
    from l4s_training.data.make.cutting import Cut

__all__ = ["command"]

_LIST = "patches.csv"


def _inventory_after_scene(command: Callable[..., None]) -> Callable[..., None]:
    """Let the only argument be the inventory where --band files are the scene, so that no SCENE is given."""

    @functools.wraps(command)
    def shifted(*, scene: tuple[str, ...], inventory: str | None, files: dict[str, str], **rest: Any) -> None:
        if files and scene and inventory is None:
            (inventory,), scene = scene, ()
        command(scene=scene, inventory=inventory, files=files, **rest)

    return shifted


@click.command("patches", context_settings={"max_content_width": 100})
@_inventory_after_scene
@scene_options
@click.argument("inventory", required=False, type=click.Path())
@click.option("--empty", is_flag=True, help="Instead of INVENTORY: the scene has no landslide.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder that the patches are added to, img/image_N.h5 and mask/mask_N.h5; with --write-bands an .npz.",
)
@click.option("--overlap", default=0, show_default=True, type=click.IntRange(0, 127), help="Pixels that patches share.")
@click.option(
    "--min-valid",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True),
    help="Least share of valid pixels in a patch.",
)
@click.option("--landslides-only", is_flag=True, help="Leave out patches without a landslide pixel.")
@click.option(
    "--write-bands",
    metavar="NAMES",
    help="Write these bands only, a list or the name of a set (RGB+NIR), to an .npz: for scenes that lack some of the "
    "14.",
)
def command(
    inputs: dict[str, Any],
    inventory: str | None,
    empty: bool,
    out: Path,
    overlap: int,
    min_valid: float,
    landslides_only: bool,
    write_bands: str | None,
) -> None:
    """Cut SCENE and the landslides of INVENTORY (polygons in a vector file) into labelled patches of 128 x 128.

    The patches are in Landslide4Sense's own form: Level-1C digital numbers, slope and DEM as integers divided by M, on
    a grid of 10 m. A folder that has patches already grows; patches.csv says where each new one is from. A pixel is
    landslide if its centre lies in a polygon.

    \b
    Example:
      l4s-train patches S2A_MSIL1C_….SAFE landslides.gpkg --dem dem.tif --out my_patches
      l4s-train fit --data l4s/TrainData --data my_patches --bands all --normalization fixed --out run
    """  # noqa: D301
    from l4s_geo.bands import BANDS
    from l4s_geo.errors import DataError
    from l4s_geo.stack.open import Inputs, open_stack
    from l4s_training.data import bandsets
    from l4s_training.data.make import cutting
    from l4s_training.files import claimed_folder

    if (inventory is None) == (not empty):
        raise click.UsageError("Give either INVENTORY, or --empty for a scene without landslides.")
    if empty and landslides_only:
        raise click.UsageError("A scene without landslides (--empty) has no patch that --landslides-only would keep.")
    if (write_bands is not None) != (out.suffix.lower() == ".npz"):
        raise click.UsageError("Patches of chosen bands (--write-bands) go to an .npz, all others to a folder (--out).")
    bands = bandsets.parse(write_bands, "--write-bands") if write_bands is not None else BANDS
    how = cutting.Cutting(overlap, min_valid, landslides_only)
    with claimed_folder(out), open_stack(Inputs(**inputs)) as stack:
        cutting.require_bands(stack, bands)
        landslides = cutting.landslide_mask(inventory, stack.grid) if inventory is not None else None
        cuts = cutting.cut(stack, bands, landslides, how)
        written = _to_npz(cuts, bands, stack, out) if write_bands is not None else _to_folder(cuts, stack, out)
    if not written:
        raise DataError(
            f"No window of the scene {stack.scene.name} became a patch: none has "
            + f"{min_valid:.0%} valid pixels"
            + (" and a landslide" if landslides_only else "")
            + "; lower --min-valid or check the scene's masks."
        )
    with_landslide = sum(share > 0 for share in written)
    share = sum(written) / len(written)
    click.echo(f"{out}: {len(written)} patches, {with_landslide} with landslides, {share:.2%} of the pixels.")


def _to_folder(cuts: Iterable[Cut], stack: Stack, out: Path) -> list[float]:
    """Add patches to a folder; return the share of landslide of each."""
    from l4s_training.data.make.write import PatchWriter

    writer: PatchWriter | None = None
    shares = []
    for piece in cuts:
        writer = writer or PatchWriter(out)  # an unreadable scene leaves no folder behind
        _append(out / _LIST, _row(writer.add(piece.raw, piece.mask), piece, stack))
        shares.append(float(piece.mask.mean()))
    return shares


def _row(number: int, piece: Cut, stack: Stack) -> dict[str, Any]:
    """Return the line of ``patches.csv`` that says where a patch is from."""
    left, bottom, right, top = stack.grid.part(piece.window).bounds
    return {
        "number": number,
        "scene": stack.scene.name,
        "acquired": stack.scene.acquisition.acquired,
        "crs": stack.grid.crs_name,
        "left": left,
        "bottom": bottom,
        "right": right,
        "top": top,
        "landslide_share": round(float(piece.mask.mean()), 6),
        "valid_share": round(piece.valid_share, 6),
    }


def _append(path: Path, row: dict[str, Any]) -> None:
    """Add a line to a CSV file, under a header if it is new."""
    import csv

    from l4s_geo.errors import OutputError

    new = not path.exists()
    try:
        with path.open("a", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, list(row))
            if new:
                table.writeheader()
            table.writerow(row)
    except OSError as error:
        raise OutputError(f"{path} could not be written ({error}); free some space and start again.") from error


def _to_npz(cuts: Iterable[Cut], bands: tuple[str, ...], stack: Stack, out: Path) -> list[float]:
    """Write patches of chosen bands to a new file; return the share of landslide of each."""
    import numpy as np

    from l4s_geo.errors import OutputError
    from l4s_geo.output.staging import staged
    from l4s_training.data.readers import digital_numbers

    if out.exists():
        raise OutputError(f"{out} exists already; give the name of a new file with --out.")
    pieces = list(cuts)
    if pieces:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        raw = np.stack([piece.raw for piece in pieces])
        masks = np.stack([piece.mask for piece in pieces]).astype(np.uint8)
        with staged(out) as (part,):
            if part:
                note = f"Cut by `l4s-train patches` from {stack.scene.name}."
                digital_numbers.write(part, raw, masks, np.arange(1, len(pieces) + 1), bands, note)
    return [float(piece.mask.mean()) for piece in pieces]
