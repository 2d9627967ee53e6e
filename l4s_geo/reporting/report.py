"""Gathers what a report shows, and writes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyproj
import shapely

from l4s_geo import defaults
from l4s_geo.change.dates import SceneLike
from l4s_geo.errors import ReportError
from l4s_geo.evaluation.evaluate import Evaluation
from l4s_geo.evaluation.facing import face
from l4s_geo.evaluation.sizes import Sizes, fit_sizes
from l4s_geo.grid import PIXEL, Grid
from l4s_geo.inventory.facts import read_facts
from l4s_geo.output.atomic import atomic_write
from l4s_geo.output.identity import check_apart
from l4s_geo.output.staging import check_output, destination
from l4s_geo.reporting.commands import evaluate_command, map_command, report_command, shown_path
from l4s_geo.reporting.facts import Number, Said, model_of, plain_number, warnings_of
from l4s_geo.reporting.imagery import Picture, Reduced, masked_overlay, reduce_scene, take_picture
from l4s_geo.reporting.landslides import Landslides, read_landslides
from l4s_geo.reporting.outlines import Outlines, draw_outlines
from l4s_geo.reporting.page import Imagery, Page, render
from l4s_geo.reporting.plots import evaluation_plots, inventory_plots
from l4s_geo.reporting.thumbnails import thumbnails
from l4s_geo.reporting.view import PathLike, Scenes, View, open_view
from l4s_geo.sources.vectors import vector_file
from l4s_geo.stack.dem import DEM
from l4s_geo.stack.input_files import files_of
from l4s_geo.stack.open import gdal_settings
from l4s_geo.units import Units

__all__ = ["check_report", "report", "report_mapped"]

_MOST_DRAWN = 20_000
_OUTLINES = 2_500_000
_MOST_GROUND = 5_000
_GROUND = 200_000
_IMAGERY = 5_500_000
_LARGEST = 10


def report(
    inventory: PathLike,
    *,
    out: PathLike,
    scene: SceneLike | Sequence[SceneLike] | None = None,
    bands: Sequence[str] | None = None,
    before: SceneLike | Sequence[SceneLike] | None = None,
    dem: PathLike | Sequence[PathLike] | None = None,
    mask: PathLike | None = None,
    mask_classes: Sequence[int] = defaults.MASK_CLASSES,
    units: Units | Literal["auto"] = defaults.UNITS,
    offset: float | None = None,
    evaluation: Evaluation | None = None,
) -> Path:
    """Write a report of an inventory: one HTML file that needs no network and no GIS.

    Args:
        inventory: the inventory, of any format that is written, or other polygons; ``FILE|layername=NAME`` for one of
            several layers.
        out: the file, .html.
        scene: the scene that was mapped, as for `l4s_geo.map_scene`, for the imagery, or several. Without one
            the files are tried that the inventory names; if they are gone, the report has no imagery and says so.
        bands: names of the rasters' bands, in order, if they do not carry them.
        before: an earlier scene of the same ground, or several of which each fills the gaps of those before it: the map
            then has a handle to swipe between the dates.
        dem: elevations in metres, for slope, aspect and elevation of landslides that have none.
        mask: what was masked, for showing where.
        mask_classes: classes of the scene's classification (SCL) that count as masked.
        units: units of the scenes' values, if they cannot be told.
        offset: digital numbers to add to them.
        evaluation: a comparison of this inventory (`l4s_geo.evaluate`), which is shown as well.

    Returns:
        The file.

    Raises:
        ReportError: the inventory cannot be read, or does not lie where the scene does.
        L4SError: the scene, the earlier one or the DEM cannot be read, or the file cannot be written.
    """
    path, given = Path(out), Scenes(scene, bands, before, mask, mask_classes, units, offset)
    check_report(path)
    check_apart([destination(path)], {"inventory": files_of(inventory)})
    found, facts = read_landslides(inventory), read_facts(inventory)
    drawn = Landslides.of(evaluation) if evaluation else found
    with gdal_settings(), open_view(drawn, facts, given, Path(vector_file(inventory)).parent) as view:
        placed = found.moved(view.crs)
        _check_meeting(placed, view)
        page = _page(_on_ground(placed, view.grid, dem), facts, view, evaluation)
    again = evaluate_command(evaluation, path) if evaluation else report_command(inventory, path, given, dem)
    page = replace(
        page,
        inventory=shown_path(inventory),
        reference=tuple(map(shown_path, evaluation.files.reference)) if evaluation else (),
        commands=tuple(filter(None, (map_command(facts, shown_path(inventory)), again))),
    )
    with atomic_write(path) as part:
        part.write_text(render(page), encoding="utf-8")
    return path


def report_mapped(mapping: Mapping[str, Any], out: PathLike) -> Path:
    """Write a report of an inventory that was just mapped, with what it was mapped from.

    Args:
        mapping: the keywords of `l4s_geo.map_scene` with which it was mapped, `out` among them.
        out: the file, .html.

    Raises:
        L4SError: as `report` does.
    """
    shared = ("scene", "bands", "before", "dem", "mask", "mask_classes", "units", "offset")
    return report(mapping["out"], out=out, **{name: mapping[name] for name in shared if name in mapping})


def check_report(path: PathLike) -> None:
    """Check, before any work is done, that a report can be written.

    Raises:
        OutputError: it has another suffix than .html, or its folder cannot be written to.
    """
    check_output(Path(path), (".html", ".htm"), "report")


def _on_ground(found: Landslides, grid: Grid, dem: PathLike | Sequence[PathLike] | None) -> Landslides:
    """Add elevations: those of the inventory, else, like slope and aspect, those of a DEM."""
    numbers = dict(found.numbers)
    numbers["elevation"] = (found.number("elev_min_m") + found.number("elev_max_m")) / 2
    if dem is not None and len(found):
        with DEM(dem, grid) as terrain:
            ground = face(found.shapes, grid, terrain, None)
        for name, values in (
            ("slope_mean_deg", ground.slope),
            ("aspect_deg", ground.aspect),
            ("elevation", ground.elevation),
        ):
            known = numbers.get(name, np.full(len(found), np.nan))
            numbers[name] = np.where(np.isfinite(known), known, values)
    return replace(found, numbers=numbers)


def _check_meeting(found: Landslides, view: View) -> None:
    if view.after is None or not len(found):
        return
    box = shapely.box(*view.grid.bounds)
    if not shapely.intersects(box, found.shapes).any():
        raise ReportError(
            f"None of the {len(found)} landslides of the inventory lies on the scene {view.after.name}; expected both "
            "of the same ground, so check the files and their CRS."
        )


def _page(found: Landslides, facts: Mapping[str, Any], view: View, evaluation: Evaluation | None) -> Page:
    sizes = None if evaluation else _sizes(found, facts)
    model = model_of(facts)
    drawn = Landslides.of(evaluation).moved(view.crs) if evaluation else found
    kept = drawn.first(_MOST_DRAWN)
    left, _, _, top = view.grid.bounds
    outlines = draw_outlines(kept.shapes, (left, top), _OUTLINES)
    reduced = [reduce_scene(camera, view.grid) for camera in (view.after, view.before) if camera]
    imagery = _imagery(view, reduced)
    hidden = masked_overlay(view.masks, view.grid) if view.masks else None
    warnings = [*warnings_of(found, facts, model), *_shown_of(drawn, kept, outlines, view, facts)]
    plots = inventory_plots(found, sizes)
    if evaluation:
        plots = [*evaluation_plots(evaluation), *plots[1:]]
    return Page(
        landslides=found,
        drawn=kept,
        of=len(drawn),
        facts=facts,
        model=model,
        sizes=sizes,
        outlines=outlines,
        ground=tuple(_judged(evaluation, view)) if evaluation else (),
        grid=view.grid,
        imagery=imagery,
        hidden=hidden,
        largest=tuple(thumbnails(found.first(_LARGEST), view, reduced)),
        plots=tuple(plots),
        warnings=tuple(warnings),
        evaluation=evaluation,
    )


def _judged(evaluation: Evaluation, view: View) -> Iterator[tuple[str, Outlines]]:
    """The ground that was looked at, and what of it was in doubt, in the CRS of the view."""
    left, _, _, top = view.grid.bounds
    crs = pyproj.CRS.from_wkt(evaluation.layers.grid.crs.to_wkt())
    for name, shapes in (("looked", evaluation.layers.area), ("doubt", evaluation.layers.doubt)):
        if shapes is not None:
            parts = shapely.get_parts(shapely.union_all(shapes))
            ground = Landslides(crs, parts, np.arange(len(parts)), shapely.area(parts)).moved(view.crs)
            yield name, draw_outlines(ground.first(_MOST_GROUND).shapes, (left, top), _GROUND)


def _sizes(found: Landslides, facts: Mapping[str, Any]) -> Sizes | None:
    unit = plain_number(facts.get("min_area"))
    return fit_sizes(found.area, unit if unit and 0 < unit < 1e9 else defaults.MIN_AREA)


def _imagery(view: View, reduced: Sequence[Reduced]) -> Imagery | None:
    """Cut both dates into tiles of one size that fit together."""
    if view.after is None:
        return None
    budget = _IMAGERY / len(reduced)
    after = take_picture(reduced[0], budget)
    before: Picture | None = None
    if len(reduced) > 1:
        before = take_picture(reduced[1], budget)
        size = min((after.width, after.height), (before.width, before.height))
        after, before = (take_picture(r, budget, size) for r in reduced)
    return Imagery(
        after=after,
        before=before,
        resolution=view.grid.width * PIXEL / after.width,
        name=view.after.name,
        acquired=view.after.acquired,
        bands=view.after.bands,
        before_name=view.before.name if view.before else "",
        before_acquired=view.before.acquired if view.before else "",
    )


def _shown_of(
    drawn: Landslides, kept: Landslides, outlines: Outlines, view: View, facts: Mapping[str, Any]
) -> Iterator[Said]:
    """What a reader should know of the report itself."""
    if view.missing:
        yield Said("warn_no_imagery", {"reason": view.missing})
    if view.after and not view.after.is_natural:
        yield Said("warn_grey", {"band": view.after.bands[0]})
    mapped = facts.get("scene")
    if view.after and isinstance(mapped, str) and mapped and mapped != view.after.name:
        yield Said("warn_other_scene", {"shown": view.after.name, "mapped": mapped[:200]})
    if view.after and len(drawn):
        outside = int((~shapely.intersects(shapely.box(*view.grid.bounds), drawn.shapes)).sum())
        if outside:
            yield Said("warn_outside", {"n": Number(outside)})
    if len(kept) < len(drawn):
        yield Said("warn_limited", {"shown": Number(len(kept)), "n": Number(len(drawn))})
    if outlines.tolerance:
        yield Said("warn_simplified", {"tolerance": Number(outlines.tolerance)})
