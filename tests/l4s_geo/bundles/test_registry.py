from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from l4s_geo import defaults
from l4s_geo.bundles.item import read_bundle
from l4s_geo.bundles.registry import add_bundle, find_bundle, installed, remove_bundle, require_bands
from l4s_geo.cli.main import main
from l4s_geo.errors import BandError, BundleError, OutputError
from support import make_bundle


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("L4S_BUNDLES", str(tmp_path / "bundles"))
    return tmp_path / "bundles"


def test_the_default_is_embedded() -> None:
    assert defaults.BUNDLE in installed()
    assert find_bundle(defaults.BUNDLE).bands == ("B4", "B3", "B2")


def test_an_unknown_name_lists_those_that_are_installed() -> None:
    with pytest.raises(BundleError, match=r"nosuch.*rgb"):
        find_bundle("nosuch")


def test_an_added_bundle_runs_by_its_name_until_it_is_removed(red_bundle: Path, folder: Path) -> None:
    add_bundle(red_bundle)
    assert find_bundle("red").members == read_bundle(red_bundle).members
    assert [p.name for p in folder.iterdir()] == ["red"]
    remove_bundle("red")
    assert "red" not in installed()


def test_a_damaged_bundle_is_not_added(red_bundle: Path, tmp_path: Path, folder: Path) -> None:
    copy = Path(shutil.copytree(red_bundle, tmp_path / "copy"))
    (copy / "linear.onnx").write_bytes(b"x")
    with pytest.raises(BundleError, match="SHA-256"):
        add_bundle(copy)
    assert not folder.exists()


def test_an_embedded_bundle_is_neither_replaced_nor_removed(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="embedded"):
        add_bundle(make_bundle(tmp_path / defaults.BUNDLE, ("B4",), "fixed"))
    with pytest.raises(BundleError, match="cannot be removed"):
        remove_bundle(defaults.BUNDLE)


def test_missing_bands_name_both_and_what_would_run(red_bundle: Path) -> None:
    add_bundle(red_bundle)
    other = replace(read_bundle(red_bundle), name="all", bands=("B8", "B4", "B3", "B2"))
    with pytest.raises(BandError, match=r"has the bands B4, B3, B2 and lacks B8; the bundle all needs B8.*red, rgb"):
        require_bands(other, "scene", ("B4", "B3", "B2"))


def test_missing_terrain_names_the_option(red_bundle: Path) -> None:
    bundle = replace(read_bundle(red_bundle), bands=("B4", "B3", "B2", "slope", "DEM"))
    with pytest.raises(BandError, match=r"slope, DEM.*--dem"):
        require_bands(bundle, "scene", ("B4", "B3", "B2"))


def test_an_optional_band_may_be_missing(red_bundle: Path) -> None:
    bundle = replace(read_bundle(red_bundle), bands=("B4", "B3", "B2", "B10"), optional={"B10": 1.2})
    require_bands(bundle, "scene", ("B4", "B3", "B2"))


def test_level_2a_suits_a_level_1c_bundle_only_with_statistics_of_its_own(tmp_path: Path) -> None:
    own = read_bundle(make_bundle(tmp_path / "domain", ("B4",), "domain"))
    fixed = read_bundle(make_bundle(tmp_path / "fixed", ("B4",), "fixed"))
    require_bands(own, "scene", ("B4",), "L2A")
    require_bands(fixed, "scene", ("B4",), "L1C")
    with pytest.raises(BandError, match=r"is L2A.*trained on L1C"):
        require_bands(fixed, "scene", ("B4",), "L2A")


def test_the_command_lists_shows_adds_and_removes(red_bundle: Path) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(main, ["bundles", *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    assert "rgb" in run("list")
    assert "red 1.0.0 is installed" in run("add", str(red_bundle))
    assert "red" in run("list")
    shown = run("show", "red")
    assert "SHA-256" in shown
    assert "threshold  0.5" in shown
    assert "## Scores" in run("show", "rgb")
    run("remove", "red")
    refused = CliRunner().invoke(main, ["bundles", "remove", "red"])
    assert refused.exit_code == 2
    assert "no bundle 'red'" in refused.output


def test_two_commands_that_add_the_same_bundle(red_bundle: Path, folder: Path) -> None:
    """One says so; the other's is whole."""
    code = "import sys; from l4s_geo.cli.main import main; main(['bundles', 'add', sys.argv[1]])"
    command = [sys.executable, "-c", code, str(red_bundle)]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    ends = [(run.communicate()[1], run.returncode) for run in runs]
    assert 0 in [code for _, code in ends]
    assert all("is being written by another run" in said for said, code in ends if code), ends
    assert [p.name for p in folder.iterdir()] == ["red"]
    assert find_bundle("red").members == read_bundle(red_bundle).members


def test_what_somebody_put_into_a_bundle_is_not_lost(red_bundle: Path, folder: Path) -> None:
    add_bundle(red_bundle)
    (folder / "red" / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match=r"holds more than a bundle \(notes\.txt\)"):
        add_bundle(red_bundle)
    (folder / "red" / "notes.txt").rename(folder / "notes.txt")
    add_bundle(red_bundle)


def test_a_bundle_that_cannot_take_its_place_leaves_the_older_one(red_bundle: Path, folder: Path, monkeypatch) -> None:
    add_bundle(red_bundle)
    original = os.replace

    def refuse(source: Path, target: Path) -> None:
        if Path(source).name == "new":
            raise OSError(errno.EIO, "Input/output error")
        original(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match="Input/output error"):
        add_bundle(red_bundle)
    monkeypatch.setattr(os, "replace", original)
    assert find_bundle("red").members == read_bundle(red_bundle).members
    assert [p.name for p in folder.iterdir()] == ["red"]
