"""Options that several commands share.

`scene_options` adds SCENE and all that describes a scene (--band, --bands, --dem, --slope, --units, --offset,
--sensor, --resampling, --mask, --mask-classes, --clouds, --aoi); the command gets them as one mapping, ready for
`map_scene` or `Inputs`.
`azimuth_elevation` parses the value of --sun.
`many_options` adds --workers, --shard and --retry, of commands that map many scenes.
`earlier_options` adds --before, --before-band, --composite and --strict-dates.
`device_options` adds --device, --precision and --batch, which the command gets by these names.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from l4s_geo import defaults

__all__ = [
    "azimuth_elevation",
    "band_files",
    "band_names",
    "class_numbers",
    "device_options",
    "earlier_options",
    "many_options",
    "scene_options",
]


def band_files(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Parse ``B4=red.tif`` pairs."""
    files: dict[str, str] = {}
    for value in values:
        band, equals, path = value.partition("=")
        if not (band and equals and path):
            raise click.BadParameter(f"{value!r} is not of the form BAND=FILE, for instance B4=red.tif.")
        if band in files:
            raise click.BadParameter(f"{band} is given twice.")
        files[band] = path
    return files


def _listed(context: click.Context, parameter: click.Parameter, value: Any) -> tuple[str, ...]:
    """Make one SCENE, several or none a tuple."""
    return value if isinstance(value, tuple) else (value,) if value else ()


def band_names(context: click.Context, parameter: click.Parameter, value: str | None) -> list[str] | None:
    """Parse ``B2,B3,B4``."""
    return [name.strip() for name in value.split(",")] if value else None


def class_numbers(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Parse ``3,8,9``; "none" for none."""
    if value is None or value.strip().lower() == "none":
        return None if value is None else ()
    try:
        return tuple(int(number) for number in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list of numbers, for instance 3,8,9,10, or none.") from None


def azimuth_elevation(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[float, float] | None:
    """Parse ``AZIMUTH,ELEVATION`` of the sun."""
    if value is None:
        return None
    try:
        azimuth, elevation = (float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not of the form AZIMUTH,ELEVATION, for instance 165,31.5.") from None
    return azimuth, elevation


_OPTIONS = [
    click.option(
        "--band",
        "files",
        multiple=True,
        metavar="BAND=FILE",
        callback=band_files,
        help="A single-band file of the scene, instead of SCENE; repeat for each band. SCL=FILE is the classification.",
    ),
    click.option(
        "--bands",
        metavar="NAMES",
        callback=band_names,
        help="Names of SCENE's bands in order, if the file does not carry them: B2,B3,B4,… (- leaves one aside).",
    ),
    click.option(
        "--dem",
        multiple=True,
        type=click.Path(),
        help="Elevations in metres, any CRS, files or STAC items; repeat for a mosaic. Gives the terrain attributes, "
        "and slope and DEM to bundles that need them.",
    ),
    click.option("--slope", type=click.Path(), help="A ready slope in degrees, in place of one computed from the DEM."),
    click.option(
        "--units",
        type=click.Choice(["auto", "dn", "reflectance", "percent", "l4s"]),
        default=defaults.UNITS,
        show_default=True,
        help="What the scene's values are: digital numbers (reflectance × 10000), reflectance (0..1), "
        "reflectance in percent or Landslide4Sense units.",
    ),
    click.option(
        "--offset",
        type=float,
        metavar="DN",
        help="Digital numbers to add to the stored values of the spectral bands: -1000 for baselines from 04.00 on; 0 "
        "switches off one that the source states.  [default: what the source states]",
    ),
    click.option(
        "--sensor",
        type=click.Choice(["auto", "sentinel-2"]),
        default=defaults.SENSOR,
        show_default=True,
        help="auto refuses what names, metadata or pixel size say is another sensor's than Sentinel-2's; sentinel-2 "
        "overrules.",
    ),
    click.option(
        "--resampling",
        type=click.Choice(["nearest", "bilinear", "cubic", "average"]),
        help="How bands come to the 10 m grid.  [default: coarser bands nearest, another grid bilinear]",
    ),
    click.option(
        "--mask",
        type=click.Path(),
        help="A raster that is not 0, or polygons, where nothing is to be mapped (clouds, water); "
        "FILE|layername=NAME for one of several layers.",
    ),
    click.option(
        "--mask-classes",
        metavar="NUMBERS",
        callback=class_numbers,
        help="Classes of a Level-2A scene classification (SCL) that are not mapped, or none.  [default: "
        f"{','.join(map(str, defaults.MASK_CLASSES))}: no data, saturated, cloud shadow, clouds, cirrus, snow]",
    ),
    click.option(
        "--clouds",
        is_flag=True,
        help="Detect clouds and mask them: with s2cloudless in Level-1C with B8A and B10 (extra clouds), or else by "
        "their colours.",
    ),
    click.option(
        "--aoi",
        metavar="FILE|BOX",
        help="Area of interest: a vector file in any CRS (FILE|layername=NAME for one of several layers), or "
        "west,south,east,north in degrees or metres.",
    ),
]


def scene_options(command: Callable[..., None], several: bool = False) -> Callable[..., None]:
    """Add SCENE and its options to a command, which gets them as `inputs: dict`.

    Args:
        command: the command.
        several: whether it takes SCENE more than once; `inputs` then holds a list where it is.
    """

    @functools.wraps(command)
    def collected(
        *,
        scene: tuple[str, ...],
        files: dict[str, str],
        dem: tuple[str, ...],
        mask_classes: tuple[int, ...] | None,
        **rest: Any,
    ) -> None:
        if bool(scene) == bool(files):
            raise click.UsageError("Give either SCENE or --band BAND=FILE for each band.")
        inputs = {
            name: rest.pop(name)
            for name in ("bands", "slope", "units", "offset", "sensor", "resampling", "mask", "clouds", "aoi")
        }
        inputs |= {"scene": (list(scene) if len(scene) > 1 else scene[0]) if scene else files, "dem": list(dem) or None}
        if mask_classes is not None:
            inputs["mask_classes"] = mask_classes
        command(inputs=inputs, **rest)

    for option in reversed(_OPTIONS):
        collected = option(collected)
    return click.argument("scene", nargs=-1 if several else 1, required=False, type=click.Path(), callback=_listed)(
        collected
    )


_EARLIER_OPTIONS = [
    click.option(
        "--before",
        multiple=True,
        type=click.Path(),
        metavar="SCENE",
        help="An earlier scene of the same ground; repeat for several. What is new since is mapped; the options that "
        "describe SCENE hold for it too.",
    ),
    click.option(
        "--before-band",
        "before_files",
        multiple=True,
        metavar="BAND=FILE",
        callback=band_files,
        help="A single-band file of an earlier scene; repeat for each band.",
    ),
    click.option(
        "--composite",
        type=click.Choice(["greenest", "median", "latest"]),
        default=defaults.COMPOSITE,
        show_default=True,
        help="How several scenes of one side become one, pixel by pixel, of what they show clearly.",
    ),
    click.option("--strict-dates", is_flag=True, help="Refuse earlier scenes that are later by their dates."),
]


def earlier_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of earlier scenes; the command gets `before`, a list or None, `composite` and `strict_dates`."""

    @functools.wraps(command)
    def collected(*, before: tuple[str, ...], before_files: dict[str, str], **rest: Any) -> None:
        earlier = [*before, *([before_files] if before_files else [])]
        command(before=earlier or None, **rest)

    for option in reversed(_EARLIER_OPTIONS):
        collected = option(collected)
    return collected


_DEVICE_OPTIONS = [
    click.option(
        "--device",
        default=defaults.DEVICE,
        show_default=True,
        metavar="NAME",
        help="Where the networks run: cpu, cuda (all NVIDIA GPUs), cuda:N (one), tensorrt, openvino, or auto for cuda "
        "if it works, else cpu; the first line of the output says which it is.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["auto", "fp32", "fp16"]),
        default=defaults.PRECISION,
        show_default=True,
        help="Of the networks' weights and activations; auto: fp16 on an NVIDIA GPU, fp32 elsewhere.",
    ),
    click.option(
        "--batch",
        type=click.IntRange(1),
        metavar="WINDOWS",
        help="Windows that a network takes at once.  [default: by the GPU's free memory; 4 in each thread of a CPU]",
    ),
]


def device_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say where and how networks run."""
    for option in reversed(_DEVICE_OPTIONS):
        command = option(command)
    return command


_MANY_OPTIONS = [
    click.option(
        "--workers",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        metavar="N",
        help="Processes of this machine that map at once, with an equal share of its processors each.",
    ),
    click.option(
        "--scheduler",
        metavar="ADDRESS|FILE",
        help="Map on a Dask cluster, one unit a worker: its scheduler's tcp://HOST:PORT, or the file that it wrote; "
        "needs the extra dask.",
    ),
    click.option(
        "--shard",
        metavar="I/N",
        help="Map the I-th of N parts of the units alone, for arrays of a batch system; a run without --shard merges.",
    ),
    click.option("--retry", is_flag=True, help="Try units again that failed; else they are reported."),
]


def many_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of commands that map many scenes."""
    for option in reversed(_MANY_OPTIONS):
        command = option(command)
    return command
