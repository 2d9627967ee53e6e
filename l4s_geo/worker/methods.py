"""The process that does the requests of a worker, in which the geodata libraries and the networks live.

It takes requests on stdin one after another, mostly a single one, with the hidden folders and files that the worker
made for its outputs, and writes messages on stdout. When stdin ends, nobody waits for it any more: it removes those of
a request that is not answered and exits.
"""

from __future__ import annotations

import inspect
import json
import math
import os
import platform
import queue
import shutil
import sys
import threading
import traceback
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import monotonic
from types import SimpleNamespace, UnionType
from typing import Any, BinaryIO, Literal, Union, get_args, get_origin, get_type_hints

from l4s_geo.assumptions import Assumptions
from l4s_geo.chatter import without_chatter
from l4s_geo.errors import DeviceError, L4SError
from l4s_geo.progress import stages_line
from l4s_geo.worker.protocol import Channel, ProtocolError, claim_stdout, sentence

__all__ = ["MessageReporter", "main"]

_PACKAGES = ("numpy", "rasterio", "pyogrio", "fiona", "geopandas", "h5py", "onnxruntime", "onnxruntime-gpu")
_EVERY_S = 0.1
_SHOWN = 60


class MessageReporter:
    """Turns what a run says into messages."""

    def __init__(self, channel: Channel, id_: Any) -> None:
        self._channel = channel
        self._id = id_
        self._began: float | None = None
        self._first = 0
        self._sent = 0.0

    def say(self, text: str) -> None:
        """Pass a line on."""
        self._channel.send("log", id=self._id, level="info", text=text)

    def detail(self, text: str) -> None:
        """Pass on a line for those who asked for more."""
        self._channel.send("log", id=self._id, level="detail", text=text)

    def assumes(self, assumptions: Assumptions) -> None:
        """Pass on what the run takes for granted of its scene."""
        self._channel.send("assumptions", id=self._id, assumptions=assumptions.facts())

    def stage(self, name: str, done: int = 0, total: int = 0, rate: float | None = None) -> None:
        """Say where the run is."""
        left = round((total - done) / rate, 1) if rate else None
        fields = {"done": done, "total": total, "rate": rate and round(rate, 2), "remaining_s": left}
        self._channel.send("progress", id=self._id, stage=name, **fields)

    def took(self, stages: Mapping[str, float]) -> None:
        """Pass on the seconds of each stage."""
        self.detail(stages_line(stages))

    def progress(self, done: int, total: int) -> None:
        """Say how far the mapping is, at most ten times a second."""
        now = monotonic()
        if self._began is None:
            # The first part pays for the networks' warming up, which would spoil the rate.
            self._began, self._first = now, done
        if done < total and now - self._sent < _EVERY_S:
            return
        self._sent = now
        took = now - self._began
        self.stage("map", done, total, (done - self._first) / took if done > self._first and took > 0 else None)
        if done >= total:
            self.stage("write")


def main() -> int:
    """Do the requests on stdin until it ends."""
    channel, lines = Channel(claim_stdout()), queue.SimpleQueue[bytes]()
    busy = _Busy()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, lines, busy), daemon=True).start()
    while line := lines.get():
        request = json.loads(line)
        kind, answer = _answer(request, channel)
        busy.end()
        channel.send(kind, id=request["id"], **answer)
    return 0


def _answer(request: Mapping[str, Any], channel: Channel) -> tuple[str, dict[str, Any]]:
    """Do a request; return the type of the answer and its fields."""
    try:
        with without_chatter():
            result = _METHODS[request["method"]](request["params"], MessageReporter(channel, request["id"]))
    except L4SError as error:
        return "error", {"kind": type(error).__name__, "message": str(error), "detail": ""}
    except ProtocolError as error:
        return "error", {"kind": "ProtocolError", "message": str(error), "detail": ""}
    except MemoryError:
        text = "The memory is used up; close other programs, or map a part of the scene."
        return "error", {"kind": "MemoryError", "message": text, "detail": ""}
    except Exception as error:
        text = f"The engine failed: {type(error).__name__}: {error}"
        return "error", {"kind": "Bug", "message": text, "detail": traceback.format_exc()}
    return "result", {"result": result}


class _Busy:
    """What has to be removed if nobody waits for the answer any more."""

    def __init__(self) -> None:
        self._hidden: list[Path] | None = None

    def begin(self, hidden: list[Path]) -> None:
        """Take note of a request that is to be done, whose outputs are made there."""
        self._hidden = hidden

    def end(self) -> None:
        """Take note that it is done; what it made is the worker's to move or remove."""
        self._hidden = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being done."""
        return self._hidden is None

    def abandon(self) -> None:
        """Leave nothing of a request that is being done."""
        hidden = self._hidden or []
        for _ in range(20):  # another thread may just have written one more file
            for path in hidden:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
            if not any(path.exists() for path in hidden):
                break


def _listen(requests: BinaryIO, lines: queue.SimpleQueue[bytes], busy: _Busy) -> None:
    """Take requests until stdin ends; then leave nothing of one that is being done, whatever other threads are at."""
    while line := requests.readline():
        busy.begin([Path(path) for path in json.loads(line)["hidden"]])
        lines.put(line)
    if busy.is_idle:
        lines.put(b"")
        return
    busy.abandon()
    os._exit(1)


def _environment(params: Mapping[str, Any], reporter: MessageReporter) -> dict[str, Any]:
    """Say what is installed, and which device would run."""
    import rasterio

    from l4s_geo import defaults
    from l4s_geo.bundles.registry import installed
    from l4s_geo.inference.runtime import load_bundle

    model = load_bundle(defaults.BUNDLE)
    cuda = ""
    if model.device == "cpu":
        try:
            load_bundle(defaults.BUNDLE, "cuda")
        except DeviceError as error:
            cuda = str(error)
    packages = {name: number for name in _PACKAGES if (number := _version(name))}
    return {
        "engine": version("l4s-geo"),
        "python": platform.python_version(),
        "executable": sys.executable,
        "packages": packages | {"GDAL": rasterio.__gdal_version__},
        "device": model.device,
        "runtime": model.runtime,
        "cuda": cuda,
        "bundles": [
            {
                "name": name,
                "version": bundle.version,
                "description": bundle.description,
                "bands": list(bundle.bands),
                "needs": [band for band in bundle.bands if band not in bundle.optional],
                "precision": dict(bundle.confidence.precision) if bundle.confidence else {},
                "threshold": bundle.threshold,
                "level": bundle.level,
            }
            for name, bundle in installed().items()
        ],
    }


def _check(params: Mapping[str, Any], reporter: MessageReporter) -> dict[str, Any]:
    """Open what a run would open, with no more than a sample of its pixels, and check that the bundle suits it."""
    from l4s_geo import defaults
    from l4s_geo.bundles.registry import find_bundle, require_bands
    from l4s_geo.change.dates import scenes_of
    from l4s_geo.scene_summary import able_bundles
    from l4s_geo.sources.detect import open_scene
    from l4s_geo.stack.assumed import assumptions_of
    from l4s_geo.stack.open import Inputs, open_stack

    inputs = _only(params, Inputs, "bundle", "before")
    bundle = find_bundle(params.get("bundle") or defaults.BUNDLE)
    first, *also = scenes_of(inputs.get("scene")) or (None,)
    for scene in (*also, *scenes_of(params.get("before"), "earlier scene")):
        open_scene(scene, inputs.get("bands"), inputs.get("sensor") or defaults.SENSOR)
    with open_stack(Inputs(**{**inputs, "scene": first})) as stack:
        level = stack.scene.acquisition.level
        require_bands(bundle, stack.scene.name, stack.bands, level, stack.scene.aside)
        return {
            "scene": stack.scene.name,
            "bands": list(stack.bands),
            "level": level,
            "crs": stack.grid.crs_name,
            "shape": list(stack.grid.shape),
            "assumptions": assumptions_of(stack).facts(),
            "doubts": [sentence(doubt) for doubt in stack.radiometry.doubts],
            "bundles": able_bundles(stack),
        }


def _map(params: Mapping[str, Any], reporter: MessageReporter) -> dict[str, Any]:
    """Map a scene; the parameters are the keywords of `l4s_geo.map_scene`."""
    reporter.stage("open")
    from l4s_geo.pipeline import map_scene, run_plan
    from l4s_geo.plan import Plan

    given = _only(params, map_scene, "report")
    plan = Plan.of(**given)
    if report := params.get("report"):
        from l4s_geo.reporting.report import check_report, report_mapped

        if not given.get("out"):
            raise ProtocolError("map needs the parameter 'out' for a report; add it.")
        check_report(report)
    mapped = run_plan(plan, reporter)
    if report:
        reporter.stage("write")
        report_mapped(given, report)
    return {
        "features": len(mapped.landslides),
        "area_m2": round(float(mapped.landslides["area_m2"].sum()), 1),
        "provenance": dict(mapped.provenance),
    }


def _inventory(params: Mapping[str, Any], reporter: MessageReporter) -> dict[str, Any]:
    """Make an inventory of probabilities; the parameters are the keywords of `l4s_geo.make_inventory`."""
    reporter.stage("open")
    from l4s_geo.review.make import make_inventory

    made = make_inventory(**_only(params, make_inventory), reporter=reporter)
    return {"features": len(made), "area_m2": round(float(made["area_m2"].sum()), 1)}


def _outlines(params: Mapping[str, Any], reporter: MessageReporter) -> dict[str, Any]:
    """Outline a part of a probability raster; the parameters are those of `l4s_geo.review.outlines.outlines`."""
    began = monotonic()
    import shapely

    from l4s_geo.review.outlines import outlines

    found = outlines(**_only(params, outlines))
    return {
        "polygons": [b64encode(wkb).decode() for wkb in shapely.to_wkb(found.shapes)],
        "area_m2": round(found.area_m2, 1),
        "threshold": found.threshold,
        "pixel": found.pixel,
        "crs": found.crs,
        "took_s": round(monotonic() - began, 3),
    }


def _measure(params: Mapping[str, Any], reporter: MessageReporter) -> dict[str, Any]:
    """Measure an inventory anew; the parameters are the keywords of `l4s_geo.measure`."""
    from l4s_geo.inventory.table import DTYPES
    from l4s_geo.review.measure import measure

    table = measure(**_only(params, measure), reporter=reporter)
    columns = [name for name in DTYPES if name in table.columns]
    rows = table[columns].to_dict("records")
    return {"attributes": [{name: _plain(value) for name, value in row.items()} for row in rows]}


def _plain(value: Any) -> Any:
    """A value as JSON has it: NaN is null."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _stack(params: Mapping[str, Any], reporter: MessageReporter) -> dict[str, Any]:
    """Write a scene and its terrain as one raster."""
    reporter.stage("open")
    from l4s_geo.stack.open import Inputs
    from l4s_geo.stack.write import write_stack

    inputs = Inputs(**_only(params, Inputs, "out"))
    if not params.get("out"):
        raise ProtocolError("stack needs the parameter 'out'; add it.")
    write_stack(inputs, params["out"], reporter=reporter)
    return {}


def _evaluate(params: Mapping[str, Any], reporter: MessageReporter) -> dict[str, Any]:
    """Compare an inventory with a reference; the parameters are those of `l4s_geo.evaluate`, out and report."""
    reporter.stage("compare")
    from l4s_geo.evaluation.evaluate import Settings, evaluate
    from l4s_geo.evaluation.matches import check_results, write_matches
    from l4s_geo.evaluation.summary import figures, lines
    from l4s_geo.output.staging import check_output
    from l4s_geo.stack.sun import Sun

    given = _only(params, evaluate, "out", "report")
    settings = _only(given.pop("settings", None) or {}, Settings)
    if (sun := settings.get("sun")) is not None:
        if not (_fits(sun, list[float]) and len(sun) == 2):
            raise ProtocolError(f"The sun is {json.dumps(sun)[:_SHOWN]}; expected [azimuth, elevation], in degrees.")
        settings["sun"] = Sun(*sun)
    if params.get("out"):
        check_output(Path(params["out"]), (".gpkg",), "comparison")
    if params.get("report"):
        from l4s_geo.reporting.report import check_report

        check_report(params["report"])
    check_results([Path(params[name]) for name in ("out", "report") if params.get(name)], **given)
    found = evaluate(**given, settings=Settings(**settings))
    for line in lines(found):
        reporter.say(line)
    if params.get("out"):
        reporter.stage("write")
        write_matches(found, Path(params["out"]))
    if params.get("report"):
        from l4s_geo.reporting.report import report

        report(given["inventory"], out=params["report"], dem=given.get("dem"), evaluation=found)
    return figures(found)


def _report(params: Mapping[str, Any], reporter: MessageReporter) -> dict[str, Any]:
    """Write a page about an inventory; the parameters are those of `l4s_geo.report` but evaluation."""
    reporter.stage("open")
    from l4s_geo.reporting.report import report

    given = _only(params, report)
    if "evaluation" in given:
        raise ProtocolError("report has no parameter 'evaluation'; ask evaluate for a report.")
    return {"bytes": report(**given).stat().st_size}


def _teach(params: Mapping[str, Any], reporter: MessageReporter) -> dict[str, Any]:
    """Teach a bundle; the parameters are the keywords of `l4s_geo.teach`."""
    reporter.stage("open")
    from l4s_geo.teaching.teach import teach

    bundle = teach(**_only(params, teach), reporter=reporter)
    return {"bundle": str(bundle.location), "threshold": bundle.threshold, "scores": dict(bundle.scores)}


def _event_new(params: Mapping[str, Any], reporter: MessageReporter) -> dict[str, Any]:
    """Write an event file; the parameters are those of `l4s_geo.events.event_file.new_event`."""
    reporter.stage("write")
    from l4s_geo.events.event_file import new_event

    return {"event": str(new_event(**_only(params, new_event)).path)}


def _event_run(params: Mapping[str, Any], reporter: MessageReporter) -> dict[str, Any]:
    """Map an event; the parameters are the keywords of `l4s_geo.map_event`."""
    reporter.stage("open")
    from l4s_geo.events.run import map_event

    ran = map_event(**_only(params, map_event), reporter=reporter)
    return {
        "inventory": str(ran.merged) if ran.merged else None,
        "features": ran.landslides,
        "area_m2": ran.area_m2,
        "units": [_job_facts(job) for job in ran.jobs],
    }


def _event_status(params: Mapping[str, Any], reporter: MessageReporter) -> dict[str, Any]:
    """Say what has become of the units of an event; the parameters are those of `l4s_geo.events.run.event_status`."""
    from l4s_geo.events.run import event_status

    return {"units": [_job_facts(job) for job in event_status(**_only(params, event_status))]}


def _job_facts(job: Any) -> dict[str, Any]:
    facts = {name: getattr(job, name) for name in ("name", "state", "attempts", "seconds", "error")}
    return {**facts, "out": job.unit.out, **job.result}


def _event_search(params: Mapping[str, Any], reporter: MessageReporter) -> dict[str, Any]:
    """Search scenes and elevations of an event; the parameters are the keywords of `l4s_geo.events.search`."""
    reporter.stage("search")
    from l4s_geo.events.scene_search import search

    found = search(**_only(params, search), reporter=reporter)
    return {
        "scenes": [{**asdict(choice), "date": str(choice.date)} for choice in found.scenes],
        "dem": list(found.dem),
        "notes": list(found.notes),
    }


def _event_describe(params: Mapping[str, Any], reporter: MessageReporter) -> dict[str, Any]:
    """Describe the results of an event as STAC; the parameter is that of `l4s_geo.events.describe`."""
    reporter.stage("write")
    from l4s_geo.events.stac_item import describe

    return {"collection": str(describe(**_only(params, describe)))}


def _export(params: Mapping[str, Any], reporter: MessageReporter) -> dict[str, Any]:
    """Write an inventory in the fields of a catalogue; the parameters are those of `l4s_geo.events.export`."""
    reporter.stage("write")
    from l4s_geo.events.catalogue_export import export

    return {"features": export(**_only(params, export))}


def _only(params: Mapping[str, Any], function: Callable[..., Any], *others: str) -> dict[str, Any]:
    """Leave out other parameters, and check that the rest are those of a function.

    Raises:
        ProtocolError: one is unknown, missing or of another kind.
    """
    rest = {name: value for name, value in params.items() if name not in others}
    signature = inspect.signature(function)
    known = [name for name in signature.parameters if name != "reporter"]
    if unknown := [name for name in rest if name not in known]:
        names = ", ".join([*known, *others])
        raise ProtocolError(f"There is no parameter {unknown[0]!r}; the parameters are {names}.")
    try:
        signature.bind(**rest)
    except TypeError as error:
        raise ProtocolError(f"The parameters are not complete: {error}.") from None
    hints = _hints(function)
    for name, value in rest.items():
        if not _fits(value, hints[name]):
            raise ProtocolError(
                f"The parameter {name!r} is {json.dumps(value)[:_SHOWN]}, a value of another kind than it takes "
                f"({signature.parameters[name].annotation}); correct it."
            )
    return rest


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of a function's parameters; what it returns may be of a module that is not loaded."""
    made: Any = vars(function)["__init__"] if isinstance(function, type) else function
    named = SimpleNamespace(__annotations__={k: v for k, v in made.__annotations__.items() if k != "return"})
    return get_type_hints(named, {**vars(sys.modules[function.__module__]), "Reporter": object})


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value of JSON is of a kind that a type hint allows; which of its words are right is not asked."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is Literal:
        return type(value) in {type(word) for word in inner}
    if origin in (Sequence, list, tuple):
        return isinstance(value, list) and all(_fits(item, inner[0]) for item in value)
    if origin in (Mapping, dict):
        return isinstance(value, dict) and all(_fits(item, inner[1]) for item in value.values())
    if hint in (int, float):
        return isinstance(value, int if hint is int else int | float) and not isinstance(value, bool)
    if hint in (bool, str, type(None)):
        return isinstance(value, hint)
    return origin is None  # a class that is made of a value elsewhere; of JSON nobody can give a path but by its text


_METHODS: dict[str, Callable[[Mapping[str, Any], MessageReporter], dict[str, Any]]] = {
    "environment": _environment,
    "check": _check,
    "map": _map,
    "stack": _stack,
    "inventory": _inventory,
    "outlines": _outlines,
    "measure": _measure,
    "evaluate": _evaluate,
    "report": _report,
    "teach": _teach,
    "event_new": _event_new,
    "event_run": _event_run,
    "event_status": _event_status,
    "event_search": _event_search,
    "event_describe": _event_describe,
    "export": _export,
}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    # An ordinary exit would wait for the thread that listens to stdin.
    os._exit(main())
