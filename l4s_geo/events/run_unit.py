"""Maps one unit: what a process anywhere does that is handed a description."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l4s_geo.errors import OutputError
from l4s_geo.events.units import Unit
from l4s_geo.inventory.facts import read_facts
from l4s_geo.output.claim import claimed
from l4s_geo.output.geopackage import LAYER
from l4s_geo.output.resume import ResumeStore
from l4s_geo.output.staging import clear_staging
from l4s_geo.progress import Reporter

if TYPE_CHECKING:
    from l4s_geo.inference.runtime import LoadedBundle

__all__ = ["clear_up", "is_result", "is_whole", "make_folder", "result_of", "run_unit"]


def run_unit(
    unit: Unit | Mapping[str, Any], key: str = "", reporter: Reporter | None = None, model: LoadedBundle | None = None
) -> dict[str, Any]:
    """Map a unit, or go on with it where an earlier run was stopped; its files appear together at the end.

    Args:
        unit: the unit, or its description by `Unit.json`.
        key: digest of its content, which its provenance keeps, so that the result is known again.
        reporter: hears how the run goes.
        model: the networks of its bundle, on its device, if they are loaded already.

    Returns:
        features, area_m2 and valid_m2 of the inventory; JSON-serialisable.

    Raises:
        L4SError: see `l4s_geo.map_scene`.
    """
    # Imported here, so that an event of which all is done is looked through at once.
    from l4s_geo.pipeline import run_plan
    from l4s_geo.plan import Plan

    what = unit if isinstance(unit, Unit) else Unit.of(unit)
    make_folder(Path(what.out).parent)
    purpose = {"unit": what.name, "unit_key": key, **({"day": what.day} if what.day else {})}
    run_plan(Plan.of(**what.keywords(), resume=True, purpose=purpose), reporter, model)
    return _result(what)


def result_of(unit: Unit, key: str) -> dict[str, Any] | None:
    """Return what `run_unit` returned of a unit, read from its files; None if they are not whole, or of another key."""
    if not is_whole(unit):
        return None
    return _result(unit) if read_facts(unit.out).get("unit_key") == key else None


def is_result(unit: Unit, key: str) -> bool:
    """Whether the files of a unit are whole, and not what was made of other content.

    Another event may have written into the same folder. An inventory that does not say of what it was made was
    corrected in another program, and stays.
    """
    return is_whole(unit) and read_facts(unit.out).get("unit_key", key) == key


def clear_up(unit: Unit) -> None:
    """Remove what a run has left beside a unit's results that was killed when these were in place.

    Raises:
        OutputError: another run is writing the same files.
    """
    places = [Path(path) for path in unit.outputs.values()]
    with claimed(*places):
        clear_staging(*places)
        ResumeStore(places[0], "", resume=False).discard()


def is_whole(unit: Unit) -> bool:
    """Whether all files of a unit are there."""
    return all(Path(path).is_file() for path in unit.outputs.values())


def _result(unit: Unit) -> dict[str, Any]:
    import pyogrio

    out, seen = (
        pyogrio.read_dataframe(unit.outputs[kind], layer=layer, columns=["area_m2"], read_geometry=False)["area_m2"]
        for kind, layer in (("out", LAYER), ("seen", None))
    )
    return {"features": len(out), "area_m2": round(float(out.sum()), 1), "valid_m2": round(float(seen.sum()), 1)}


def make_folder(folder: Path) -> None:
    """Make a folder for results, with those around it.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {folder} for the results cannot be made ({error.strerror}); choose another."
        ) from error
