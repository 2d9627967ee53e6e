"""From the probabilities of a whole scene to the rows of its inventory: found, outlined, measured."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l4s_geo.bands import RGB
from l4s_geo.bundles.bundle import CLASSES, Bundle
from l4s_geo.change.newness import Compared
from l4s_geo.grid import Grid
from l4s_geo.inventory.attributes import (
    Attributes,
    change_attributes,
    detection_attributes,
    geometry_attributes,
    mean_values,
    reach_angle,
    terrain_attributes,
    touches,
)
from l4s_geo.inventory.event import Event
from l4s_geo.inventory.plausible import check_terrain
from l4s_geo.inventory.surface import Layers
from l4s_geo.inventory.table import CHANGE_DTYPES, DTYPES, EVENT_DTYPES, TERRAIN_COLUMNS
from l4s_geo.inventory.vectorize import (
    Components,
    MaskOf,
    VectorizeSettings,
    components,
    polygons,
    simplify,
    without_small_holes,
)
from l4s_geo.stack.cloud_colours import cloud_colours
from l4s_geo.stack.stack import Stack

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["Parts", "describe_landslides", "find_landslides", "outline", "table_of"]


def find_landslides(layers: Layers, grid: Grid, labels: Path, settings: VectorizeSettings) -> Components:
    """Find the landslides of a scene: connected pixels whose probability reaches the threshold.

    Args:
        layers: the probability first, NaN where nothing was mapped.
        grid: the mapping grid.
        labels: GeoTIFF to write the labels to.
        settings: threshold, connectivity, smallest landslide and largest hole to fill.

    Raises:
        OSError: the labels cannot be written.
    """
    mask: MaskOf = lambda window: layers.read(window)[0] >= settings.threshold  # noqa: E731
    if settings.fill_holes > 0:
        known: MaskOf = lambda window: np.isfinite(layers.read(window)[0])  # noqa: E731
        mask = without_small_holes(mask, known, grid, settings.max_hole, settings.connectivity)
    return components(mask, grid, labels, settings.min_pixels, settings.connectivity)


def describe_landslides(
    found: Components,
    layers: Layers,
    stack: Stack,
    bundle: Bundle,
    settings: VectorizeSettings,
    created: str,
    compared: Compared | None = None,
    event: Event = Event(),  # noqa: B008  frozen
) -> GeoDataFrame:
    """Outline landslides and measure them.

    Args:
        found: the landslides.
        layers: what they were found in: probability and, if it is known, spread; see
            `l4s_geo.inference.predict.Prediction`.
        stack: the scene, for its terrain and masks.
        bundle: what the probabilities are from; says how far they can be trusted.
        settings: tolerance of the outlines, and the threshold as an attribute.
        created: when the run began, ISO 8601.
        compared: what a comparison with an earlier date has found; None if there is none.
        event: what the user says of the event.

    Returns:
        One row a landslide with the columns of `l4s_geo.inventory.table.COLUMNS`, with a comparison those of
        `CHANGE_COLUMNS` and with an event the first three of `EVENT_COLUMNS` too, in the CRS of the mapping grid.

    Raises:
        L4SError: a file of the terrain or of a mask cannot be read, or the terrain gives attributes that cannot be.
    """
    hidden = compared.comparison.hidden if compared else stack.hidden
    masked = stack.masks or (compared and compared.comparison.before.masks)
    seen = compared.comparison.p_after if compared else layers
    unknown: MaskOf = lambda window: np.isnan(layers.read(window)[0])  # noqa: E731
    with ThreadPoolExecutor(2) as beside:
        outlined = beside.submit(outline, found, settings.simplify)
        detected = beside.submit(detection_attributes, found, seen)
        at_edges = beside.submit(touches, found, unknown, border=True)
        # The stack's files are read by this thread alone.
        terrain = terrain_attributes(found, stack.terrain) if stack.has_terrain else {}
        masks = touches(found, hidden) if masked else False
        change = _change(found, compared) if compared else {}
        shapes, geometry = outlined.result()
        detection, edges = detected.result(), at_edges.result()
    # What is new is as sure as its newness: a cloud looks like a landslide, and not like a new one.
    trusted = change["p_new"] if compared and compared.only_new else detection["prob_mean"]
    parts = Parts(
        geometry=geometry,
        detection={**detection, "confidence": _confidence(found, trusted, stack, bundle)},
        terrain=terrain,
        beside={"touches_edge": edges, "touches_mask": masks},
        origin={
            "scene": stack.scene.name,
            "bundle": f"{bundle.name} {bundle.version} ({bundle.sha256[:12]})",
            "threshold": settings.threshold,
            "created": created,
        },
        change=change if compared else None,
        event=event.columns() if event else {},
    )
    return table_of(found, shapes, parts)


@dataclass(frozen=True)
class Parts:
    """The columns of an inventory by where they come from; each (n,), or one value for all."""

    geometry: Mapping[str, Any]
    """What is measured on the outlines."""
    detection: Mapping[str, Any]
    """What the model says: probabilities and confidence."""
    terrain: Mapping[str, Any]
    """The columns of `terrain_attributes`; none if no elevations are known."""
    beside: Mapping[str, Any]
    """Whether a landslide lies beside what was not mapped, or what was masked."""
    origin: Mapping[str, Any]
    """Scene, bundle, threshold and time."""
    change: Mapping[str, Any] | None = None
    """The columns of a comparison with an earlier date; None if there is none."""
    event: Mapping[str, str] = field(default_factory=dict)
    """What the user says of the event; empty if nothing."""


def table_of(found: Components, shapes: NDArray[np.object_], parts: Parts) -> GeoDataFrame:
    """Put the columns of an inventory together.

    Args:
        found: the landslides.
        shapes: (count,) their outlines.
        parts: their attributes.

    Returns:
        One row a landslide with the columns of `l4s_geo.inventory.table.COLUMNS`, with a comparison those of
        `CHANGE_COLUMNS` too, in the CRS of the mapping grid.

    Raises:
        TerrainError: the terrain gives attributes that cannot be.
    """
    import geopandas as gpd

    columns: dict[str, Any] = {
        "id": np.arange(1, found.count + 1),
        **parts.geometry,
        "n_pixels": found.n_pixels,
        **parts.detection,
        **dict.fromkeys(TERRAIN_COLUMNS, np.nan),
        **parts.terrain,
        **parts.beside,
        **parts.origin,
        **(parts.change or {}),
        **parts.event,
    }
    if parts.terrain:
        check_terrain(columns)
        columns["reach_angle_deg"] = reach_angle(columns["relief_m"], columns["length_m"])
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=found.grid.crs, index=range(found.count))
    dtypes = DTYPES | (CHANGE_DTYPES if parts.change is not None else {})
    dtypes = dtypes | {name: EVENT_DTYPES[name] for name in parts.event}
    return frame.astype(dtypes)[[*dtypes, "geometry"]]


def _confidence(
    found: Components, trusted: NDArray[np.float64], stack: Stack, bundle: Bundle
) -> NDArray[np.str_] | str:
    """Return how far landslides can be trusted; one that has a cloud's colours never more than little."""
    if not bundle.confidence:
        return ""
    classes, lowest = bundle.confidence.classify(trusted), CLASSES[-1]
    if set(RGB) <= set(stack.bands):
        colours = mean_values(found, lambda window: stack.read_raw(RGB, window), len(RGB), classes != lowest)
        classes = np.where(cloud_colours().found(colours), lowest, classes)
    return classes


def _change(found: Components, compared: Compared) -> dict[str, Any]:
    """Return the columns of a comparison."""
    unknown = np.full(found.count, np.nan)
    measured = change_attributes(
        found, lambda window: compared.comparison.measured(compared.new, window), compared.comparison.observations
    )
    columns = {name: unknown for name, dtype in CHANGE_DTYPES.items() if dtype == "float64"} | measured
    counts = {name: columns.get(name, np.zeros(found.count)) for name in ("n_before", "n_after")}
    dates = {"date_before": compared.date_before, "date_after": compared.date_after}
    return {**columns, **counts, **dates, "is_new": columns["p_new"] >= compared.threshold}


def outline(found: Components, tolerance: float = 0.0) -> tuple[NDArray[np.object_], Attributes]:
    """Trace landslides.

    Args:
        found: the landslides.
        tolerance: metres, to which the pixel steps are smoothed; 0 keeps them.

    Returns:
        (count,) outlines in the CRS of the mapping grid, and what `geometry_attributes` measures on them.
    """
    outlines = polygons(found)
    if tolerance > 0 and found.count:
        outlines = simplify(outlines, tolerance)
    return outlines, geometry_attributes(outlines)
