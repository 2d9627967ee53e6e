from __future__ import annotations

import zlib

import numpy as np
import pytest

from l4s_geo.grid import Window
from l4s_geo.output.scratch_raster import ScratchRaster


def test_windows_are_those_of_the_array(tmp_path) -> None:
    values = np.random.default_rng(0).random((2, 1300, 70)).astype(np.float32)
    rows = ScratchRaster(tmp_path / "v.f32", 2, 70)
    assert rows.height == 0
    assert rows.read(Window(0, 0, 5, 70)).shape == (2, 0, 70)
    for row in range(0, 1300, 96):
        rows.append(values[:, row : row + 96])
    assert rows.height == 1300
    window = Window(90, 13, 200, 40)
    np.testing.assert_array_equal(rows.read(window), values[:, *window.slices])
    np.testing.assert_array_equal(rows.read(Window(0, 0, 1300, 70)), values)


def test_a_row_that_was_begun_does_not_count_and_is_overwritten(tmp_path) -> None:
    values = np.arange(60, dtype=np.float32).reshape(1, 6, 10)
    rows = ScratchRaster(tmp_path / "v.f32", 1, 10)
    rows.append(values[:, :4])
    with rows.path.open("ab") as file:
        file.write(b"half a row")
    again = ScratchRaster(rows.path, 1, 10)
    assert again.height == 4
    again.keep(3)
    again.append(values[:, 3:])
    np.testing.assert_array_equal(again.read(Window(0, 0, 6, 10)), values)


def test_rows_that_are_lost_do_not_come_back_as_zeros(tmp_path) -> None:
    rows = ScratchRaster(tmp_path / "v.f32", 1, 10)
    rows.append(np.ones((1, 4, 10), np.float32))
    whole = rows.checksum
    rows.path.write_bytes(rows.path.read_bytes()[:80])
    again = ScratchRaster(rows.path, 1, 10)
    again.keep(4)
    assert (again.height, again.checksum) == (2, zlib.crc32(np.ones(20, np.float32)))
    again.append(np.ones((1, 2, 10), np.float32))
    assert again.checksum == whole


def test_a_full_disk_is_an_error() -> None:
    from pathlib import Path

    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with pytest.raises(OSError, match="No space left"):
        ScratchRaster(Path("/dev/full"), 1, 4).append(np.zeros((1, 2000, 4), np.float32))
