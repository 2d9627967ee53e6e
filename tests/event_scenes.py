"""Small scenes of an event, simulated: bright bodies on dark ground, which the red bundle finds exactly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from l4s_geo.bands import RGB

LEFT, TOP = 500_000.0, 4_720_000.0
"""Upper left corner of the first tile, UTM zone 54N: 141° E, 42.6° N."""
AREA = "140.9,42.5,141.2,42.7"
BODIES = ((500_500, 4_719_500, 20, 10), (502_100, 4_719_000, 20, 12), (503_000, 4_718_800, 10, 10))
"""Bodies by left, top, columns and rows: one in the first tile alone, one in both, one in the second alone."""

Body = tuple[float, float, int, int]


def write_scene(
    path: Path,
    left: float = LEFT,
    top: float = TOP,
    bodies: Sequence[Body] = BODIES,
    *,
    shape: tuple[int, int] = (200, 220),
    crs: str = "EPSG:32654",
    seed: int = 5,
    hidden: Sequence[Body] = (),
    fields: bool = False,
) -> Path:
    """Write a scene of three bands.

    Args:
        path: the file.
        left: its left border.
        top: its upper border.
        bodies: what is to be found, in its CRS; those beyond its borders are cut.
        shape: rows and columns.
        crs: its CRS.
        seed: of the noise.
        hidden: ground without data.
        fields: whether the ground has fields, the same on every date, by which two dates are brought together.
    """
    dn = np.random.default_rng(seed).integers(480, 520, (3, *shape)).astype(np.uint16)
    if fields:
        rows, cols = (start // 100 + np.arange(n) // 10 for start, n in zip((-top, left), shape, strict=True))
        dn += ((rows[:, None] * 7919 + cols * 104729).astype(int) % 97 * 3).astype(np.uint16)
    for several, value in ((bodies, 3000), (hidden, 0)):
        for x, y, cols, rows in several:
            row, col = round((top - y) / 10), round((x - left) / 10)
            inside = (slice(max(row, 0), max(row + rows, 0)), slice(max(col, 0), max(col + cols, 0)))
            dn[(slice(None) if not value else 0, *inside)] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 3, "height": shape[0], "width": shape[1], "crs": crs}
    with rasterio.open(path, "w", transform=Affine(10, 0, left, 0, -10, top), nodata=0, **profile) as dataset:
        dataset.write(dn)
        for index, band in enumerate(RGB, start=1):
            dataset.set_band_description(index, band)
    return path


def write_event(folder: Path, bundle: Path, text: str = "") -> Path:
    """Write an event file that maps all scenes in the folder "after"."""
    path = folder / "quake.yaml"
    lines = [
        "name: quake",
        f"area: [{AREA}]",
        "date: 2018-09-06",
        "trigger: earthquake",
        f"bundle: {bundle}",
        text or "scenes: {after: [after/*.tif]}",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_three(folder: Path, *, fields: bool = False) -> None:
    """Write three scenes into the folder "after": two tiles that overlap on a day, and the first on a later day."""
    write_scene(folder / "after" / "S2A_54TWN_20180915.tif", fields=fields)
    write_scene(folder / "after" / "S2A_54TWP_20180915.tif", LEFT + 1800, fields=fields)
    write_scene(folder / "after" / "S2B_54TWN_20180920.tif", seed=6, fields=fields)
