"""Runs that are killed or run out of disk, for real, and go on."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import rasterio.shutil
import shapely
from pandas.testing import assert_frame_equal

from l4s_geo import map_scene
from l4s_geo.bands import RGB
from l4s_geo.bundles.bundle import Refinement
from l4s_geo.bundles.item import write_bundle
from l4s_geo.bundles.registry import find_bundle
from l4s_geo.crf.parameters import CRFParameters
from l4s_geo.errors import OutputError, SceneError, TerrainError
from l4s_geo.inference.runtime import LoadedBundle
from l4s_geo.inventory.table import DTYPES
from l4s_geo.output.resume import ResumeStore
from l4s_geo.output.scratch_raster import ScratchRaster
from l4s_geo.pipeline import run_plan
from l4s_geo.plan import Plan
from l4s_geo.stack.stack import Stack


def scene(rows: int = 900, cols: int = 500) -> np.ndarray:
    dn = np.random.default_rng(5).integers(480, 520, (3, rows, cols)).astype(np.uint16)
    for row in range(20, rows - 60, 75):
        dn[0, row : row + 50, row % 300 : row % 300 + 30] = 3000
    return dn


def same(a: Path, b: Path) -> None:
    """Check that two inventories have the same geometry and attributes, bit for bit."""
    first, second = (gpd.read_file(p, layer="landslides") for p in (a, b))
    assert [g.wkb for g in first.geometry] == [g.wkb for g in second.geometry]
    columns = [column for column in DTYPES if column != "created"]
    assert_frame_equal(first[columns], second[columns], check_exact=True)


def strips_done(parts: Path) -> int:
    """Rows of windows whose results are kept."""
    state = parts / "state.npz"
    if not state.exists():
        return 0
    with np.load(state) as arrays:
        return int(arrays["number"])


def interrupted(scene: Path, out: Path, bundle: Path) -> None:
    """Map a scene and press Ctrl-C at the fourth row of windows."""
    original, calls = LoadedBundle.predict_with_spread, []

    def stop(self: LoadedBundle, *arguments: object) -> object:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return original(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LoadedBundle, "predict_with_spread", stop)
        with pytest.raises(KeyboardInterrupt):
            map_scene(scene, out=out, bundle=bundle)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_goes_on_and_gives_the_same(write_raster, red_bundle, tmp_path, monkeypatch, how) -> None:
    path = write_raster("scene.tif", scene(), names=RGB)
    out, parts = tmp_path / "killed.gpkg", tmp_path / ".killed.gpkg.l4s-parts"
    options = [str(path), "--out", str(out), "--bundle", str(red_bundle), "--tta", "d4"]
    command = [sys.executable, "-c", "from l4s_geo.cli.map import main; main()", *options]
    # Whoever runs the tests in the background may have them ignore Ctrl-C.
    heeding = functools.partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heeding)
    deadline = time.monotonic() + 60
    while strips_done(parts) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(how)
    _, said = process.communicate()
    assert process.returncode == (-9 if how == signal.SIGKILL else 130), said
    assert not out.exists()
    done = strips_done(parts)
    assert 3 <= done < 10

    original, rows = LoadedBundle.predict_with_spread, []
    monkeypatch.setattr(
        LoadedBundle, "predict_with_spread", lambda self, w, *a: rows.append(len(w)) or original(self, w, *a)
    )
    map_scene(path, out=out, bundle=red_bundle, tta="d4", resume=True)
    assert len(rows) == 10 - done
    assert not parts.exists()
    map_scene(path, out=tmp_path / "whole.gpkg", bundle=red_bundle, tta="d4")
    same(out, tmp_path / "whole.gpkg")


def test_a_resumed_run_keeps_the_time_of_the_first(write_raster, red_bundle, tmp_path) -> None:
    path = write_raster("scene.tif", scene(), names=RGB)
    out = tmp_path / "i.gpkg"
    interrupted(path, out, red_bundle)
    started = ResumeStore(out, "", resume=False).facts  # a run that is not resumed throws the parts away
    assert started == {}
    assert not list(tmp_path.glob(".i.gpkg*"))
    interrupted(path, out, red_bundle)
    time.sleep(1.1)
    late = map_scene(path, out=out, bundle=red_bundle, resume=True)
    fresh = map_scene(path, bundle=red_bundle)
    assert late.created[0] < fresh.created[0]


def test_a_resumed_run_counts_the_pixels_of_the_first_too(write_raster, red_bundle, tmp_path) -> None:
    dn = scene()
    dn[:, :300, :200] = 0
    dn[:, 700:, 400:] = 0
    path, out = write_raster("scene.tif", dn, names=RGB, nodata=0), tmp_path / "i.gpkg"
    interrupted(path, out, red_bundle)
    assert strips_done(tmp_path / ".i.gpkg.l4s-parts") >= 1
    resumed = run_plan(Plan.of(scene=path, out=out, bundle=red_bundle, resume=True))
    assert resumed.valid == (dn > 0).all(axis=0).sum()
    assert resumed.provenance["valid_share"] == round(resumed.valid / dn[0].size, 6)


def _shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(60)
    path.write_bytes(content)


@pytest.mark.parametrize("part", ["about.json", "state.npz", "surface.f32"])
@pytest.mark.parametrize("harm", [lambda path: path.write_bytes(b""), Path.unlink, _shorten, _spoil])
def test_parts_that_were_damaged_are_not_taken(write_raster, red_bundle, tmp_path, part, harm) -> None:
    """As when the power fails: what was written last is empty, cut off or full of zeros."""
    path = write_raster("scene.tif", scene(500, 300), names=RGB)
    out = tmp_path / "i.gpkg"
    interrupted(path, out, red_bundle)
    harm(tmp_path / ".i.gpkg.l4s-parts" / part)
    map_scene(path, out=out, bundle=red_bundle, resume=True)
    map_scene(path, out=tmp_path / "whole.gpkg", bundle=red_bundle)
    same(out, tmp_path / "whole.gpkg")


def test_parts_of_another_run_are_not_taken(write_raster, red_bundle, tmp_path) -> None:
    """The scene changes between the two runs."""
    out = tmp_path / "i.gpkg"
    path = write_raster("scene.tif", scene(), names=RGB)
    interrupted(path, out, red_bundle)
    write_raster("scene.tif", scene()[:, ::-1].copy(), names=RGB)
    resumed = map_scene(path, out=out, bundle=red_bundle, resume=True)
    fresh = map_scene(path, bundle=red_bundle)
    assert shapely.equals(resumed.geometry.to_numpy(), fresh.geometry.to_numpy()).all()


def test_parts_with_half_a_note_about_them_are_not_taken(tmp_path) -> None:
    store = ResumeStore(tmp_path / "o", "key", resume=False)
    store.save("a", values=np.arange(3))
    assert ResumeStore(tmp_path / "o", "key", resume=True).names() == {"a"}
    about = store.folder / "about.json"
    about.write_text(about.read_text()[:10])
    fresh = ResumeStore(tmp_path / "o", "key", resume=True)
    assert not fresh.resumed
    assert fresh.names() == set()


def test_a_part_that_could_not_be_written_leaves_the_one_before(tmp_path) -> None:
    def fail(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    store = ResumeStore(tmp_path / "o", "key", resume=False)
    store.save("a", values=np.arange(3))
    with pytest.raises(OutputError, match=r"cannot be kept in .*No space left.*--resume"):
        store.write("a", fail)
    assert store.load("a")["values"].tolist() == [0, 1, 2]
    assert {path.name for path in store.folder.iterdir()} == {"about.json", "a"}


def test_a_read_error_in_the_middle_ends_the_run_and_leaves_nothing(write_raster, red_bundle, tmp_path) -> None:
    cut = tmp_path / "cut"
    cut.mkdir()
    path = tmp_path / "cog.tif"  # its header comes first, so it opens
    rasterio.shutil.copy(write_raster("scene.tif", scene(), names=RGB), path, driver="COG", blocksize=128)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SceneError, match="truncated"):
        map_scene(path, out=cut / "i.gpkg", bundle=red_bundle, units="dn")
    assert list(cut.iterdir()) == []


def test_terrain_that_turns_out_damaged_at_the_end_leaves_nothing(write_raster, red_bundle, tmp_path) -> None:
    """Like a damaged scene: a run that goes on would only find the damage again."""

    def damaged(self: Stack, window: object) -> None:
        raise TerrainError("The DEM cannot be read to its end.")

    folder = tmp_path / "out"
    folder.mkdir()
    values = np.concatenate([scene(), np.ones((2, 900, 500), np.uint16)])
    path = write_raster("scene.tif", values, names=(*RGB, "slope", "DEM"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stack, "terrain", damaged)
        with pytest.raises(TerrainError, match="to its end"):
            map_scene(path, out=folder / "i.gpkg", bundle=red_bundle)
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="needs to mount a small file system")
def test_a_full_disk_ends_clearly_and_loses_nothing(write_raster, red_bundle, tmp_path, monkeypatch) -> None:
    """On a file system of 2 MiB, filled so far that some parts fit and the result does not."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        path = write_raster("scene.tif", scene(), names=RGB)
        out = small / "i.gpkg"
        with pytest.raises(OutputError, match=r"No space left.*--resume"):
            map_scene(path, out=out, bundle=red_bundle)
        assert [p.name for p in small.iterdir()] == [".i.gpkg.l4s-parts"]
        kept = strips_done(small / ".i.gpkg.l4s-parts")
        assert kept >= 1
        subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
        original, rows = LoadedBundle.predict_with_spread, []
        monkeypatch.setattr(
            LoadedBundle, "predict_with_spread", lambda self, w, *a: rows.append(1) or original(self, w, *a)
        )
        map_scene(path, out=out, bundle=red_bundle, resume=True)
        assert len(rows) == 10 - kept
        map_scene(path, out=tmp_path / "whole.gpkg", bundle=red_bundle)
        same(out, tmp_path / "whole.gpkg")
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_run_killed_while_it_writes_goes_on_and_leaves_nothing_over(write_raster, red_bundle, tmp_path) -> None:
    path, folder = write_raster("scene.tif", scene(), names=RGB), tmp_path / "out"
    folder.mkdir()
    code = (
        "import os, sys, l4s_geo, l4s_geo.pipeline as p\n"
        "p.write_inventory = lambda frame, path, facts: (path.write_text('half'), os.kill(os.getpid(), 9))\n"
        "l4s_geo.map_scene(sys.argv[1], bundle=sys.argv[2], out=sys.argv[3])"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code, str(path), str(red_bundle), str(folder / "i.gpkg")], check=False
    )
    assert killed.returncode == -9
    assert not (folder / "i.gpkg").exists()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LoadedBundle, "predict_with_spread", lambda *_: pytest.fail("the networks ran again"))
        map_scene(path, bundle=red_bundle, out=folder / "i.gpkg", resume=True)
    assert [p.name for p in folder.iterdir()] == ["i.gpkg"]
    map_scene(path, bundle=red_bundle, out=tmp_path / "whole.gpkg")
    same(folder / "i.gpkg", tmp_path / "whole.gpkg")


def test_a_run_stopped_in_the_crf_goes_on_there(write_raster, red_bundle, tmp_path, monkeypatch) -> None:
    pytest.importorskip("numba", reason="the extra crf is not installed")
    bundle = find_bundle(red_bundle)
    files = {member.file: bundle.network(member) for member in bundle.members}
    write_bundle(replace(bundle, crf=Refinement(CRFParameters(active_from=0.001), 0.5, True)), files, tmp_path / "crf")
    monkeypatch.setattr("l4s_geo.inference.refine.BLOCK", 128)
    path, out = write_raster("scene.tif", scene(), names=RGB), tmp_path / "i.gpkg"
    whole = map_scene(path, bundle=tmp_path / "crf", out=tmp_path / "whole.gpkg")
    original, appended = ScratchRaster.append, []

    def stop(self: ScratchRaster, values: np.ndarray) -> None:
        original(self, values)
        if self.path.name == "refined.f32":
            appended.append(1)
            if len(appended) == 3:
                raise KeyboardInterrupt

    monkeypatch.setattr(ScratchRaster, "append", stop)
    with pytest.raises(KeyboardInterrupt):
        map_scene(path, bundle=tmp_path / "crf", out=out)
    assert not out.exists()
    monkeypatch.setattr(LoadedBundle, "predict_with_spread", lambda *_: pytest.fail("the networks ran again"))
    resumed = map_scene(path, bundle=tmp_path / "crf", out=out, resume=True)
    assert len(appended) == 8  # of 900 rows in blocks of 128
    assert len(resumed) == len(whole)
    same(out, tmp_path / "whole.gpkg")


def test_threads_strips_and_batches_do_not_change_the_result(write_raster, red_bundle, tmp_path) -> None:
    """The strips are those of a raster cut in two: the rows far from the cut are the same."""
    dn = scene(400, 300)
    whole = write_raster("whole.tif", dn, names=RGB)
    map_scene(whole, bundle=red_bundle, probability=tmp_path / "whole_p.tif")
    code = (
        "import sys, onnxruntime as o; make = o.SessionOptions\n"
        "def one():\n    s = make(); s.intra_op_num_threads = 1; return s\n"
        "o.SessionOptions = one\n"
        "import l4s_geo.inference.runtime as r; r.LoadedBundle.predict_with_spread.__defaults__ = (None, 'none', 3)\n"
        "import l4s_geo; l4s_geo.map_scene(sys.argv[1], bundle=sys.argv[2], probability=sys.argv[3])"
    )
    other = tmp_path / "other_p.tif"
    subprocess.run([sys.executable, "-c", code, str(whole), str(red_bundle), str(other)], check=True)
    with rasterio.open(tmp_path / "whole_p.tif") as a, rasterio.open(other) as b:
        np.testing.assert_allclose(a.read(1), b.read(1), atol=1e-5)
