"""The built zip in a fresh profile, run by qgis_process, against the command line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import tomllib
from test_run import command_line, features

REPOSITORY = Path(__file__).resolve().parents[2]
QGIS_PROCESS = shutil.which("qgis_process.bin") or shutil.which("qgis_process")


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("dist") / "l4s_landslides.zip"
    build = [sys.executable, str(REPOSITORY / "scripts" / "build-plugin"), "--without-engine", "--out", str(path)]
    subprocess.run(build, check=True)
    return path


def test_the_zip_is_what_qgis_installs(archive):
    with zipfile.ZipFile(archive) as contents:
        names = contents.namelist()
    assert {name.split("/")[0] for name in names} == {"l4s_landslides"}
    assert {"l4s_landslides/metadata.txt", "l4s_landslides/__init__.py", "l4s_landslides/LICENSE"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".ts"))]


def test_metadata_is_complete(archive):
    with zipfile.ZipFile(archive) as contents:
        names = contents.namelist()
        metadata = ConfigParser()
        metadata.read_string(contents.read("l4s_landslides/metadata.txt").decode())
    general = metadata["general"]

    needed = ("name", "description", "about", "version", "qgisMinimumVersion", "qgisMaximumVersion", "author", "email")
    for key in (*needed, "license", "tags", "changelog", "homepage", "repository", "tracker", "icon"):
        assert general.get(key), key
    assert general["hasProcessingProvider"] == "yes"
    assert general["version"] in general["changelog"]
    assert f"l4s_landslides/{general['icon']}" in names
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert general["version"] == project["version"]
    assert (general["author"], general["email"]) == tuple(project["authors"][0].values())
    assert general["tracker"] == project["urls"]["Issues"]
    for needed in ("Python 3.11", "internet", "0.9 GB"):
        assert needed in general["about"]
    assert general["qgisMaximumVersion"] == "4.99"


def test_the_zip_holds_the_sample_and_the_help_with_its_pictures(archive):
    with zipfile.ZipFile(archive) as contents:
        names = set(contents.namelist())
        assert {f"l4s_landslides/sample/valley{end}" for end in (".tif", "_dem.tif", "_reference.gpkg")} <= names
        if "l4s_landslides/help/qgis.html" not in names:
            pytest.skip("Python-Markdown is not installed (extra docs)")
        page = contents.read("l4s_landslides/help/qgis.html").decode()
    pictures = re.findall(r'<img[^>]* src="([^"]+)"', page)
    assert len(pictures) > 1
    assert {f"l4s_landslides/help/{name}" for name in pictures} <= names
    assert "<table>" in page
    assert ".md" not in re.sub(r"<code>.*?</code>", "", page)


@pytest.fixture
def qgis_process(archive, tmp_path, engine):
    """Return a function that calls qgis_process in a fresh profile that has the plugin."""
    if QGIS_PROCESS is None:
        pytest.skip("qgis_process is not installed")
    plugins, runtime = tmp_path / "plugins", tmp_path / "runtime"
    with zipfile.ZipFile(archive) as contents:
        contents.extractall(plugins)
    runtime.mkdir(mode=0o700)
    variables = {
        **os.environ,
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_RUNTIME_DIR": str(runtime),
        "QGIS_CUSTOM_CONFIG_PATH": str(tmp_path / "profile"),
        "QGIS_PLUGINPATH": str(plugins),
        "L4S_PYTHON": engine,
    }

    def call(*arguments: object, check: bool = True) -> subprocess.CompletedProcess:
        command = [QGIS_PROCESS, *map(str, arguments)]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=check)

    call("plugins", "enable", "l4s_landslides")
    return call


def test_end_to_end(qgis_process, samples, engine):
    scene, dem = samples / "valley.tif", samples / "valley_dem.tif"
    out, expected = samples / "aus.gpkg", samples / "cli.gpkg"
    name = "landslide4sense:maplandslides"
    done = qgis_process("--json", "run", name, f"--INPUT={scene}", f"--DEM={dem}", f"--OUTPUT={out}")
    command_line(engine, scene, "--dem", dem, "--out", expected)

    results = json.loads(done.stdout[done.stdout.index("{") :])["results"]
    assert results["OUTPUT"] == str(out)
    assert results["COUNT"] == len(features(out)) > 40
    assert features(out) == features(expected)


def test_a_mistake_ends_with_its_sentence(qgis_process, samples):
    name = "landslide4sense:maplandslides"
    scene, out = samples / "valley.tif", samples / "out.gpkg"
    failed = qgis_process("run", name, f"--INPUT={scene}", "--BUNDLE=nobody", f"--OUTPUT={out}", check=False)
    assert failed.returncode != 0
    assert "There is no bundle 'nobody'" in failed.stdout + failed.stderr
    assert not out.exists()


def test_translations_hold_every_text(tmp_path):
    import translations

    for path in (REPOSITORY / "qgis_plugin" / "l4s_landslides" / "i18n").glob("*.ts"):
        copy = Path(shutil.copy(path, tmp_path))
        translations.update(copy, path.stem.split("_")[-1])
        assert copy.read_text(encoding="utf-8") == path.read_text(encoding="utf-8"), "run qgis_plugin/translations.py"


@pytest.mark.parametrize("path", sorted((REPOSITORY / "qgis_plugin/l4s_landslides/i18n").glob("*.ts")))
def test_translations_are_complete_and_keep_what_is_filled_in(path):
    for message in ElementTree.parse(path).iter("message"):
        source, translation = message.findtext("source") or "", message.findtext("translation") or ""
        assert translation, source
        assert sorted(re.findall(r"{[^}]*}", translation)) == sorted(re.findall(r"{[^}]*}", source)), source
