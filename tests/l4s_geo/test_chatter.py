"""Libraries' own words stay away from the terminal of the commands, and from nobody else."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio

from l4s_geo.chatter import DEBUG, without_chatter

COMMAND = """
import sys, warnings, logging
import l4s_geo.pipeline
from l4s_geo.cli.map import main

def noisy(**options):
    warnings.simplefilter("always")
    warnings.warn("a library warns")
    logging.getLogger("some.library").error("a library logs")

l4s_geo.pipeline.map_scene = noisy
main(sys.argv[1:])
"""


def run(*more: str, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in (DEBUG, "PYTHONWARNINGS")}
    command = [sys.executable, "-c", COMMAND, "scene.tif", "--out", "a.gpkg", *more]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment | variables).stderr


def test_warnings_and_log_lines_reach_no_terminal():
    assert run() == ""


@pytest.mark.parametrize(("more", "variables"), [(("-v",), {}), ((), {DEBUG: "1"})])
def test_those_who_ask_for_more_see_them(more, variables):
    said = run(*more, **variables)
    assert "UserWarning: a library warns" in said
    assert "a library logs" in said


GDAL_ERROR = """
import ctypes, pathlib, sys
import rasterio
from l4s_geo.chatter import without_chatter

root = pathlib.Path(rasterio.__file__).parent
(library, *_) = [*root.parent.glob("rasterio.libs/libgdal*"), *root.glob(".dylibs/libgdal*")]
with without_chatter(sys.argv[1] == "show"):
    ctypes.CDLL(str(library)).CPLError(ctypes.c_int(2), ctypes.c_int(1), b"%s", b"GDAL warns")
"""


@pytest.mark.skipif(
    not list(Path(rasterio.__file__).parents[1].glob("rasterio.libs/libgdal*")), reason="GDAL comes not with rasterio"
)
@pytest.mark.parametrize("how", ["show", "hide"])
def test_what_gdal_says_where_nobody_listens_reaches_no_terminal(how: str):
    command = [sys.executable, "-c", GDAL_ERROR, how]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert ("GDAL warns" in said) == (how == "show")


def test_what_was_before_is_there_again(recwarn):
    handlers, show = list(logging.getLogger().handlers), warnings.showwarning
    with without_chatter():
        assert warnings.showwarning is not show
    assert warnings.showwarning is show
    assert logging.getLogger().handlers == handlers
    assert "CPL_LOG" not in os.environ


def test_a_run_from_python_keeps_its_users_filters(write_raster):
    from l4s_geo.stack.open import Inputs, open_stack

    before = list(warnings.filters)
    with open_stack(Inputs(write_raster("s.tif", np.full((3, 20, 20), 500, np.uint16), names=("B4", "B3", "B2")))):
        pass
    assert warnings.filters == before


def test_a_raster_without_a_place_ends_a_command_in_one_sentence(tmp_path: Path):
    path = tmp_path / "s.tif"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(path, "w", driver="GTiff", width=20, height=20, count=3, dtype="uint16") as dataset:
            dataset.write(np.full((3, 20, 20), 500, np.uint16))
    environment = {name: value for name, value in os.environ.items() if name not in (DEBUG, "PYTHONWARNINGS")}
    command = [sys.executable, "-m", "l4s_geo.cli.main", "info", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: The scene")
    request = json.dumps({"id": 1, "method": "check", "params": {"scene": str(path)}}) + "\n"
    worker = [sys.executable, "-m", "l4s_geo.worker.methods"]
    task = json.dumps({**json.loads(request), "hidden": []}) + "\n"
    done = subprocess.run(worker, input=task, capture_output=True, text=True, env=environment)
    assert done.stderr == ""
