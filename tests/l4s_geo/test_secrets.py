"""Nothing that a run prints or writes holds a secret of an address that it was given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from l4s_geo import map_scene
from l4s_geo.errors import L4SError
from l4s_geo.progress import Silent
from loopback import Server
from stac_items import item_of, write_item
from support import TRANSFORM, UTM

SECRETS = (b"SECRET", b"hunter2", b"somebody")
QUERY = "?st=2026&sig=SECRET%2Fa.b&X-Amz-Signature=SECRET"
PROGRAMS = {"l4s-map": "l4s_geo.cli.map", "l4s": "l4s_geo.cli.main"}


def write(path: Path, values: np.ndarray, names: tuple[str, ...] = ()) -> None:
    values = values if values.ndim == 3 else values[None]
    size = {"count": len(values), "height": values.shape[1], "width": values.shape[2], "dtype": values.dtype}
    with rasterio.open(path, "w", driver="GTiff", crs=UTM, transform=TRANSFORM, **size) as dataset:
        dataset.write(values)
        for index, name in enumerate(names, start=1):
            dataset.set_band_description(index, name)


@pytest.fixture
def site(server: Server, tmp_path: Path) -> Server:
    """A server that wants a password, with a scene, its bands, an item, a DEM, a slope and a mask."""
    dn = np.full((3, 200, 200), 900, np.uint16)
    dn[0, 60:80, 60:90] = 3000
    write(tmp_path / "scene.tif", dn, ("B4", "B3", "B2"))
    for band, values in zip(("B04", "B03", "B02"), dn, strict=True):
        write(tmp_path / f"{band}.tif", values)
    rows, _ = np.mgrid[:200, :200]
    write(tmp_path / "dem.tif", (1500 - 0.5 * rows * 10.0).astype(np.float32))
    write(tmp_path / "slope.tif", np.full((200, 200), np.degrees(np.arctan(0.5)), np.float32))
    write(tmp_path / "mask.tif", (rows > 190).astype(np.uint8))
    server.password = "somebody:hunter2"
    base = f"http://somebody:hunter2@127.0.0.1:{server.server_port}"
    assets = {band: {"href": f"{base}/{band}.tif{QUERY}"} for band in ("B04", "B03", "B02")}
    write_item(tmp_path / "item.json", item_of("x", "c", {}, assets))
    server.url = base
    return server


def address(site: Server, name: str, form: str = "url") -> str:
    url = f"{site.url}/{name}{QUERY}"
    if form == "vsicurl":
        return f"/vsicurl/{url}"
    if form == "options":
        from urllib.parse import quote

        return f"/vsicurl?header.X-Token=SECRET&use_head=no&url={quote(url, safe='')}"
    return url


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    code = f"from {PROGRAMS[program]} import main; main()"
    environment = {**os.environ, "no_proxy": "127.0.0.1"}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, env=environment, check=False
    )


def secrets_in(*places: Path | bytes) -> list[str]:
    """Where a secret stands: in some bytes, or in any file under a folder."""
    found = []
    for place in places:
        if isinstance(place, bytes):
            found += [place.decode() for secret in SECRETS if secret in place]
        else:
            files = [path for path in place.rglob("*") if path.is_file()]
            found += [str(path) for path in files for secret in SECRETS if secret in path.read_bytes()]
    return found


@pytest.mark.parametrize("form", ["url", "vsicurl", "options"])
def test_a_map_of_signed_addresses_holds_no_signature(site, red_bundle, tmp_path, form):
    out = tmp_path / "out"
    out.mkdir()
    inputs = [address(site, "scene.tif", form)]
    for option in ("dem", "slope", "mask"):
        inputs += [f"--{option}", address(site, f"{option}.tif", form)]
    options = ["--bundle", red_bundle, "--tta", "flips", "-v"]
    for suffix in ("gpkg", "geojson", "parquet"):
        folder = out / suffix
        folder.mkdir()
        rasters = ["--probability", folder / "p.tif", "--spread", folder / "s.tif"] if suffix == "gpkg" else []
        done = run("l4s-map", *inputs, "--out", folder / f"slides.{suffix}", *rasters, *options)
        assert done.returncode == 0, done.stderr.decode()
        assert b"1 landslides" in done.stderr
        assert not secrets_in(out, done.stdout, done.stderr)
    with rasterio.open(out / "gpkg" / "p.tif") as dataset:
        facts = json.loads(dataset.tags()["l4s"])
    host = f"http://127.0.0.1:{site.server_port}"
    assert facts["scene"] == "scene"
    assert facts["bands"]["B4"] == f"{host}/scene.tif#1"
    assert (facts["dem"], facts["slope"]) == ([f"{host}/dem.tif"], f"{host}/slope.tif")
    assert any("SECRET" in query for query in site.queries)


def test_items_files_by_band_stacks_and_descriptions_hold_none_either(site, red_bundle, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    item = address(site, "item.json")
    bands = [part for b in ("B4", "B3", "B2") for part in ("--band", f"{b}={address(site, f'B0{b[1]}.tif')}")]
    for number, scene in enumerate(([item], bands, [tmp_path / "item.json"])):
        done = run("l4s-map", *scene, "--out", out / f"{number}.gpkg", "--bundle", red_bundle, "--units", "dn")
        assert done.returncode == 0, done.stderr.decode()
        assert not secrets_in(out, done.stdout, done.stderr)
    for scene in ([item], bands, [address(site, "scene.tif")]):
        for command in (["stack", "--out", out / "stack.tif"], ["info"]):
            done = run("l4s", *command, *scene, "--dem", address(site, "dem.tif"))
            assert done.returncode == 0, done.stderr.decode()
            assert not secrets_in(out, done.stdout, done.stderr)


@pytest.mark.parametrize("lost", ["scene", "dem", "slope", "mask", "B03", "item", "aoi", "bundle", "database"])
@pytest.mark.parametrize("fault", ["404", "cut"])
def test_errors_hold_none_whatever_fails(site, red_bundle, tmp_path, lost, fault):
    if lost in ("aoi", "bundle", "database") and fault != "404":
        pytest.skip("is never asked for")
    out = tmp_path / "out"
    out.mkdir()
    suffix = ".json" if lost == "item" else ".tif"
    site.faults[f"{lost}{suffix}"] = (fault, 10**6)
    scene = [address(site, "item.json")] if lost in ("item", "B03") else [address(site, "scene.tif")]
    extras = [part for o in ("dem", "slope", "mask") for part in (f"--{o}", address(site, f"{o}.tif"))]
    if lost == "aoi":
        extras += ["--aoi", address(site, "aoi.geojson")]
    if lost == "database":
        extras += ["--aoi", "PG:host=127.0.0.1 user=somebody password='hunter2' dbname=x"]
    bundle = address(site, "bundle.zip") if lost == "bundle" else red_bundle
    quick = "from l4s_geo.sources import http; import loopback; http.HTTP = loopback.QUICK; "
    code = f"{quick}from l4s_geo.cli.map import main; main()"
    command = [sys.executable, "-c", code, *scene, *extras, "--out", out / "slides.gpkg", "--bundle", bundle]
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "no_proxy": "127.0.0.1", "PYTHONPATH": path}
    done = subprocess.run(list(map(str, command)), capture_output=True, env=environment, check=False)
    assert done.returncode == 2, done.stderr.decode()
    assert done.stderr.splitlines()[-1].startswith(b"Error: ")
    assert not secrets_in(out, done.stdout, done.stderr)


@pytest.mark.parametrize("lost", ["", "dem.tif", "scene.tif"])
def test_a_worker_says_none(site, red_bundle, tmp_path, lost):
    out = tmp_path / "out"
    out.mkdir()
    site.faults[lost] = ("404", 10**6)
    params = {"scene": address(site, "scene.tif"), "dem": address(site, "dem.tif"), "bundle": str(red_bundle)}
    requests = [
        {"id": 1, "method": "check", "params": params},
        {"id": 2, "method": "map", "params": params | {"out": str(out / "slides.gpkg")}},
        {"id": 3, "method": "map", "params": params | {"aoi": address(site, "aoi.geojson")}},
        {"id": 4, "method": "map", "params": {"scene": params["scene"], "dem": {"url": params["dem"]}}},
    ]
    lines = "".join(json.dumps(request) + "\n" for request in requests).encode()
    environment = {**os.environ, "no_proxy": "127.0.0.1"}
    with subprocess.Popen(
        [sys.executable, "-I", "-m", "l4s_geo.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as worker:
        worker.stdin.write(lines)
        worker.stdin.flush()
        said, ends = b"", {}
        while len(ends) < len(requests) and (line := worker.stdout.readline()):
            said += line
            message = json.loads(line)
            if message["type"] in ("result", "error"):
                ends[message["id"]] = message["type"]
        _, errors = worker.communicate()
    assert ends == {1: "error" if lost else "result", 2: "error" if lost else "result", 3: "error", 4: "error"}
    assert not secrets_in(out, said, errors)


def test_a_traceback_of_an_error_holds_none(site, red_bundle):
    import traceback

    site.faults["dem.tif"] = ("403", 10**6)
    with pytest.raises(L4SError) as caught:
        map_scene(address(site, "scene.tif"), dem=address(site, "dem.tif"), bundle=red_bundle)
    whole = "".join(traceback.format_exception(caught.value))
    assert "403" in whole
    assert not secrets_in(whole.encode())


def test_a_bug_ends_in_a_traceback_without_any(site, monkeypatch):
    from click.testing import CliRunner

    from l4s_geo.cli.map import main

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"cannot go on with {address(site, 'scene.tif')}")

    monkeypatch.setattr("l4s_geo.pipeline.map_scene", broken)
    done = CliRunner().invoke(main, [address(site, "scene.tif"), "--out", "x.gpkg"])
    assert done.exit_code == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert f"cannot go on with http://127.0.0.1:{site.server_port}/scene.tif" in done.stderr
    assert not secrets_in(done.output.encode())


def test_a_run_goes_on_with_an_address_that_was_signed_anew(site, red_bundle, tmp_path):
    from l4s_geo.inference.runtime import LoadedBundle

    out = tmp_path / "out"
    out.mkdir()
    calls = 0
    plain = LoadedBundle.predict_with_spread

    def broken(self: LoadedBundle, *rest: object, **more: object) -> object:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise KeyboardInterrupt
        return plain(self, *rest, **more)

    lines: list[str] = []

    class Lines(Silent):
        def say(self, text: str) -> None:
            lines.append(text)

    what = {"dem": address(site, "dem.tif"), "bundle": red_bundle, "out": out / "slides.gpkg", "resume": True}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LoadedBundle, "predict_with_spread", broken)
        with pytest.raises(KeyboardInterrupt):
            map_scene(address(site, "scene.tif"), **what)
    assert list(out.iterdir())
    assert not secrets_in(out)
    anew = address(site, "scene.tif").replace("SECRET", "SECRET2")
    map_scene(anew, **what | {"dem": what["dem"].replace("SECRET", "SECRET2")}, reporter=Lines())
    assert any(line.startswith("Resuming") for line in lines)
    assert not secrets_in(out, "\n".join(lines).encode())
