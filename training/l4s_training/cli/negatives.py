"""``l4s-train negatives``: windows of landslide-free scenes become training patches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["command"]


@click.command("negatives")
@click.argument("scenes", nargs=-1)
@click.option(
    "--surface", multiple=True, metavar="SCENE", help="Level-2A scene, to be brought to Level-1C; repeat for more."
)
@click.option("--pair", nargs=2, metavar="L1C L2A", help="Two products of one scene to learn that from.")
@click.option(
    "--casts",
    type=click.Path(path_type=Path),
    help="RGB patches; each window is used again with the colour cast of one.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The .npz to write.")
@click.option("--seed", default=0, show_default=True)
def command(
    scenes: tuple[str, ...],
    surface: tuple[str, ...],
    pair: tuple[str, str] | None,
    casts: Path | None,
    out: Path,
    seed: int,
) -> None:
    """Cut SCENES, in which nothing is a landslide, into windows for `l4s-train fit --negatives`.

    A scene is what l4s-map takes, or the files of B4, B3 and B2 with commas between them. The colour casts come from
    the training blocks of the default split.
    """
    from l4s_training.data.make import negatives
    from l4s_training.files import check_apart

    read = [file for scene in (*scenes, *surface, *(pair or ())) for file in (scene, *scene.split(","))]
    check_apart(out, read, [casts] if casts else [])
    atmosphere = negatives.fit_atmosphere(*pair) if pair else None
    medians = _band_medians(casts) if casts else None
    found = negatives.negatives(scenes, atmosphere, medians, surface, seed)
    negatives.write_negatives(found, out, _note(scenes, surface, pair, casts))
    click.echo(f"{out}: {len(found)} windows without landslides.")


def _note(scenes: tuple[str, ...], surface: tuple[str, ...], pair: tuple[str, ...] | None, casts: Path | None) -> str:
    """Say what the windows are cut from, for the cards of the models trained on them."""
    said = [f"Windows of scenes without landslides: {', '.join(map(_name, (*scenes, *surface)))}."]
    if surface and pair:
        said.append(
            f"Those of {', '.join(map(_name, surface))} are surface reflectance, brought to the top of the atmosphere "
            f"by what {' and '.join(map(_name, pair))} differ in."
        )
    if casts:
        said.append(f"Each is there twice: as it is, and with the colours of a patch of {casts.name}.")
    return " ".join(said)


def _name(scene: str) -> str:
    """A scene by its name; band files by their folder's."""
    files = [Path(part) for part in scene.split(",")]
    return files[0].parent.name or files[0].name if len(files) > 1 else files[0].name


def _band_medians(path: Path) -> NDArray[np.float64]:
    """Return the (n, 3) medians of the RGB bands of each training patch."""
    import numpy as np

    from l4s_geo.bands import RGB
    from l4s_training.data import splits
    from l4s_training.data.readers import read as sources

    patches = sources.read(path, RGB)
    train = splits.split(patches.ids, patches.numbers, splits.DEFAULT).train
    return np.stack([np.median(patches.windows(i[None])[0], axis=(1, 2)) for i in train]).astype(np.float64)
