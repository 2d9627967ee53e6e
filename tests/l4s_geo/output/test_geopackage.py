from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from l4s_geo.errors import OutputError, OutputKeptError
from l4s_geo.output.geopackage import LAYER, add_style, check_replaceable
from l4s_geo.output.staging import check_output, staged


def geopackage(path: Path, layer: str = LAYER) -> Path:
    gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 10, 10)], crs="EPSG:32645").to_file(path, layer=layer)
    return path


def test_one_with_unsaved_changes_is_not_replaced(tmp_path: Path) -> None:
    """SQLite would apply the old file's log to the new one."""
    path = geopackage(tmp_path / "i.gpkg")
    with sqlite3.connect(path) as editing:
        editing.execute("PRAGMA journal_mode=WAL")
        editing.execute("CREATE TABLE notes (text TEXT)")
        editing.commit()
        with pytest.raises(OutputError, match=r"open for writing in \S+ \(process"):
            check_replaceable(path)
    editing.close()
    check_replaceable(path)


def test_somebody_elses_is_not_replaced(tmp_path: Path) -> None:
    path = geopackage(tmp_path / "project.gpkg", "roads")
    with pytest.raises(OutputError, match="roads"):
        check_output(path, (".gpkg",), "inventory")


def test_an_inventory_with_its_style_is_replaced(tmp_path: Path) -> None:
    path = geopackage(tmp_path / "ours.gpkg")
    add_style(path, "<qgis/>", "plain")
    check_output(path, (".gpkg",), "inventory")


def test_a_style_that_cannot_be_written_is_a_failure_to_write(tmp_path: Path) -> None:
    (tmp_path / "i.gpkg").write_text("no database at all, " * 100)
    with pytest.raises(OSError, match="not a database"):
        add_style(tmp_path / "i.gpkg", "<qgis/>", "plain")


HOLD = (
    "import sqlite3, sys\n"
    "editing = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    "for command in sys.argv[2:]: editing.execute(command).fetchall()\n"
    "print('held', flush=True)\n"
    "for line in sys.stdin:\n"
    "    editing.execute(line).fetchall(); print('saved', flush=True)\n"
    "editing.close()"
)
MODES = {
    "an empty log": ("PRAGMA journal_mode=WAL", "SELECT count(*) FROM landslides"),
    "a full log": ("PRAGMA journal_mode=WAL", "CREATE TABLE IF NOT EXISTS notes (text TEXT)"),
    "a transaction": ("BEGIN IMMEDIATE",),
    "nothing but the file": ("SELECT count(*) FROM landslides",),
}


class Editor:
    """A program that has a GeoPackage open, as QGIS has."""

    def __init__(self, path: Path, *commands: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path), *commands], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout.readline() == "held\n"

    def save(self, command: str) -> None:
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "saved\n"

    def close(self) -> None:
        self.process.communicate()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def edit():
    """Return a function that opens a GeoPackage in another program."""
    editors = []

    def start(path: Path, *commands: str) -> Editor:
        editors.append(Editor(path, *commands))
        return editors[-1]

    yield start
    for editor in editors:
        editor.kill()


def rows(path: Path) -> int:
    """The number of features of a GeoPackage that is sound."""
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return database.execute("SELECT count(*) FROM landslides").fetchone()[0]


@pytest.mark.skipif(not Path("/proc/self/fdinfo").is_dir(), reason="finds programs in /proc")
@pytest.mark.parametrize("mode", MODES)
def test_one_that_another_program_holds_open_is_not_replaced(tmp_path: Path, edit, mode: str) -> None:
    path = geopackage(tmp_path / "i.gpkg")
    editor = edit(path, *MODES[mode])
    with pytest.raises(OutputError, match=rf"is open for writing in \S+ \(process {editor.process.pid}\)"):
        check_output(path, (".gpkg",), "inventory")
    check_output(tmp_path / "other.gpkg", (".gpkg",), "inventory")  # one remedy
    editor.save("DELETE FROM landslides")
    if mode == "a transaction":
        editor.save("COMMIT")
    editor.close()  # the other
    check_output(path, (".gpkg",), "inventory")
    assert rows(path) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["i.gpkg"]


@pytest.mark.parametrize("mode", ["an empty log", "a full log", "a transaction"])
def test_where_the_system_does_not_tell_sqlites_locks_do(tmp_path: Path, edit, monkeypatch, mode: str) -> None:
    monkeypatch.setattr("l4s_geo.output.geopackage.writers", lambda *_: [])
    path = geopackage(tmp_path / "i.gpkg")
    editor = edit(path, *MODES[mode])
    with pytest.raises(OutputError, match="is open for writing in another program"):
        check_output(path, (".gpkg",), "inventory")
    editor.close()
    check_output(path, (".gpkg",), "inventory")


@pytest.mark.parametrize("mode", ["an empty log", "a full log"])
def test_what_a_killed_program_left_does_not_spoil_the_new_one(tmp_path: Path, edit, mode: str) -> None:
    path = geopackage(tmp_path / "i.gpkg")
    edit(path, *MODES[mode], "DELETE FROM landslides").kill()
    assert path.with_name("i.gpkg-wal").exists()
    check_output(path, (".gpkg",), "inventory")
    assert rows(path) == 0  # what had been saved is in the file
    edit(path, *MODES[mode]).kill()
    with staged(path) as (part,):
        geopackage(part)
    assert rows(path) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["i.gpkg"]


def test_a_journal_that_a_killed_program_left_is_rolled_back(tmp_path: Path, edit) -> None:
    path = geopackage(tmp_path / "i.gpkg")
    commands = ("PRAGMA cache_size=1", "BEGIN", "CREATE TABLE t (x)", "INSERT INTO t SELECT randomblob(90000)")
    edit(path, *commands, *["INSERT INTO t SELECT x FROM t"] * 4, "DELETE FROM landslides").kill()
    assert path.with_name("i.gpkg-journal").stat().st_size
    with staged(path) as (part,):
        geopackage(part)
    assert rows(path) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["i.gpkg"]


@pytest.mark.parametrize("log", ["i.gpkg-wal", "i.gpkg-journal"])
def test_a_log_of_a_file_that_is_gone_is_named(tmp_path: Path, log: str) -> None:
    (tmp_path / log).write_bytes(b"left")
    with pytest.raises(OutputError, match=rf"{log} beside .*i\.gpkg would be taken for a part"):
        check_output(tmp_path / "i.gpkg", (".gpkg",), "inventory")
    (tmp_path / log).unlink()
    check_output(tmp_path / "i.gpkg", (".gpkg",), "inventory")


def test_one_that_is_opened_while_the_run_goes_on_keeps_its_place(tmp_path: Path, edit) -> None:
    path = geopackage(tmp_path / "i.gpkg")
    raster = tmp_path / "p.tif"
    editor = None

    def run() -> None:
        nonlocal editor
        with staged(path, raster) as (part, other):
            geopackage(part)
            other.write_text("raster")
            editor = edit(path, *MODES["an empty log"])

    with pytest.raises(OutputKeptError, match=r"is kept in .*i-2\.gpkg, because .*i\.gpkg could not be replaced"):
        run()
    editor.save("DELETE FROM landslides")
    editor.close()
    assert (rows(path), rows(tmp_path / "i-2.gpkg")) == (0, 1)
    assert {p.name for p in tmp_path.iterdir()} == {"i.gpkg", "i-2.gpkg", "p.tif"}


def test_one_that_is_only_looked_at_is_replaced(tmp_path: Path) -> None:
    """As QGIS shows a layer that nobody edits; it shows the new file when it is asked to."""
    path = geopackage(tmp_path / "i.gpkg")
    with path.open("rb"):
        check_output(path, (".gpkg",), "inventory")
