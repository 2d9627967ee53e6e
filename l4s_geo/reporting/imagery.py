"""The picture under a report's landslides: natural colours, as a pyramid of tiles that fits a number of bytes.

Scenes are read through the same stack as for mapping, so that whatever can be mapped can be shown. A scene is reduced
while it is read, strip by strip; the picture is reduced further until its tiles fit.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from l4s_geo.bands import SPECTRAL
from l4s_geo.errors import ReportError
from l4s_geo.grid import Grid, Window
from l4s_geo.stack.masks import Mask
from l4s_geo.stack.stack import Stack

__all__ = ["TILE", "Camera", "Picture", "Reduced", "levels", "masked_overlay", "reduce_scene", "take_picture", "webp"]

TILE = 256
"""Rows and columns of a tile."""

_NATURAL = ("B4", "B3", "B2")
_MOST_PIXELS = 16 << 20
_QUALITY = 72
_TAILS = (0.5, 99.5)
_GAMMA = 1.5
_OVERLAY = 1024
_BASE64 = 4 / 3


class Camera:
    """Reads colours of one date as digital numbers: of one scene, or of the first of several that shows a pixel."""

    def __init__(self, stacks: Sequence[Stack]) -> None:
        """Choose the bands.

        Args:
            stacks: open scenes on one grid, without masks; each has a spectral band, or it would be no scene.
        """
        self._stacks = stacks
        self._bands = [_colours(stack) for stack in stacks]
        self.name = ", ".join(dict.fromkeys(stack.scene.name for stack in stacks))
        """The scenes' names."""
        self.acquired = stacks[0].scene.acquisition.acquired
        """When the first was taken, as its metadata say it; may be empty."""
        self.bands = self._bands[0]
        """The bands that are shown as red, green and blue."""

    @property
    def is_natural(self) -> bool:
        """Whether the colours are those that an eye would see."""
        return all(bands == _NATURAL for bands in self._bands)

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return (3, rows, cols) float32 digital numbers of a window; NaN where no scene knows all of them."""
        out = self._read(0, window)
        for number in range(1, len(self._stacks)):
            empty = np.isnan(out).any(axis=0)
            if not empty.any():
                break
            out = np.where(empty, self._read(number, window), out)
        return out

    def _read(self, number: int, window: Window) -> NDArray[np.float32]:
        bands = self._bands[number]
        if len(set(bands)) == len(bands):
            return self._stacks[number].read_raw(bands, window)
        return np.repeat(self._stacks[number].read_raw(bands[:1], window), len(bands), axis=0)


@dataclass(frozen=True)
class Reduced:
    """A scene reduced by a whole factor, with the way its values become colours."""

    factor: int
    """Pixels of the grid that one pixel here stands for, along each side."""
    colours: NDArray[np.uint8]
    """(rows, cols, 4) uint8: red, green, blue, and 255 where something is known."""
    table: NDArray[np.uint8]
    """(3, 65536) uint8: the colour of each digital number."""

    def show(self, values: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Turn (3, rows, cols) digital numbers into (rows, cols, 4) colours."""
        return _coloured(_whole(values), self.table)


@dataclass(frozen=True)
class Picture:
    """A pyramid of tiles: level 0 is the finest, each further one has half the resolution."""

    width: int
    """Columns of level 0."""
    height: int
    """Rows of level 0."""
    tiles: dict[str, bytes]
    """WebP files by ``level/column/row``; none where nothing is known."""

    @property
    def size(self) -> float:
        """Bytes that the tiles take in a page."""
        return sum(map(len, self.tiles.values())) * _BASE64


def reduce_scene(camera: Camera, grid: Grid, factor: int | None = None) -> Reduced:
    """Read a scene whole, reduced to at most 16 million pixels.

    Args:
        camera: the scene.
        grid: its grid.
        factor: how far it is reduced; None chooses.

    Raises:
        ReportError: the scene shows nothing.
    """
    factor = factor or math.ceil(math.sqrt(grid.height * grid.width / _MOST_PIXELS))
    rows, cols = math.ceil(grid.height / factor), math.ceil(grid.width / factor)
    numbers = np.zeros((3, rows, cols), np.uint16)
    for strip in grid.rows(factor * max(1, 512 // factor)):
        part = _whole(_means(camera.read(strip), factor))
        numbers[:, strip.row // factor : strip.row // factor + part.shape[1]] = part
    if not numbers.any():
        raise ReportError(
            f"The scene {camera.name} has no valid pixel to show; expected imagery of the inventory's ground, so give "
            "another scene or leave it out."
        )
    table = _stretch(numbers)
    return Reduced(factor, _coloured(numbers, table), table)


def take_picture(reduced: Reduced, budget: float, size: tuple[int, int] | None = None) -> Picture:
    """Cut a reduced scene into tiles, reducing it further until they fit.

    Args:
        reduced: the scene.
        budget: most bytes in the page.
        size: (columns, rows) of level 0; then the budget is not looked at.
    """
    image = Image.fromarray(reduced.colours)
    columns, rows = size or image.size
    while True:
        picture = _pyramid(image if (columns, rows) == image.size else image.resize((columns, rows), _BOX))
        if size or picture.size <= budget or max(columns, rows) <= TILE:
            return picture
        shrink = max(1.1, math.sqrt(picture.size / budget) * 1.02)
        columns, rows = math.ceil(columns / shrink), math.ceil(rows / shrink)


def levels(width: int, height: int) -> int:
    """Return how many levels a picture has: the coarsest is one tile."""
    return max(0, math.ceil(math.log2(max(width, height, 1) / TILE))) + 1


def masked_overlay(masks: Sequence[Mask], grid: Grid) -> tuple[float, bytes] | None:
    """Return the share of a grid that masks hide, and where, as a WebP file; None if they hide nothing."""
    factor = max(1, math.ceil(max(grid.height, grid.width) / _OVERLAY))
    shares = np.zeros((math.ceil(grid.height / factor), math.ceil(grid.width / factor)), np.float32)
    for strip in grid.rows(factor * max(1, 512 // factor)):
        hidden = np.zeros((strip.height, strip.width), bool)
        for mask in masks:
            hidden |= mask.read(strip)
        part = _means(hidden[None].astype(np.float32), factor)[0]
        shares[strip.row // factor : strip.row // factor + part.shape[0]] = part
    if not shares.any():
        return None
    rows, cols = np.indices(shares.shape)
    drawn = np.zeros((*shares.shape, 4), np.uint8)
    drawn[(shares >= 0.5)] = (210, 60, 200, 90)
    drawn[(shares >= 0.5) & ((rows + cols) % 8 < 2)] = (210, 60, 200, 200)
    return float(shares.mean()), webp(drawn, lossless=True)


def webp(colours: NDArray[np.uint8], quality: int = _QUALITY, lossless: bool = False) -> bytes:
    """Return (rows, cols, 4) colours as a WebP file."""
    image = Image.fromarray(colours)
    if colours[..., 3].min() == 255:
        image = image.convert("RGB")
    file = io.BytesIO()
    image.save(file, "WEBP", quality=quality, lossless=lossless, method=4)
    return file.getvalue()


_BOX = Image.Resampling.BOX


def _colours(stack: Stack) -> tuple[str, ...]:
    """The bands to show: natural colours, or one band as grey."""
    if all(band in stack.bands for band in _NATURAL):
        return _NATURAL
    return (next(band for band in stack.bands if band in SPECTRAL),) * 3


def _means(values: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Means of the known values of (bands, rows, cols) in squares; NaN where none is known."""
    if factor == 1:
        return values
    bands, rows, cols = values.shape
    padded = np.pad(values, ((0, 0), (0, -rows % factor), (0, -cols % factor)), constant_values=np.nan)
    squares = padded.reshape(bands, padded.shape[1] // factor, factor, padded.shape[2] // factor, factor)
    if not np.isnan(squares.sum()):
        means: NDArray[np.float32] = squares.mean(axis=(2, 4), dtype=np.float32)
        return means
    known = np.isfinite(squares)
    count = known.sum(axis=(2, 4))
    total = np.where(known, squares, 0).sum(axis=(2, 4))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _whole(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Digital numbers as whole ones, at least 1; 0 where nothing is known."""
    known = np.isfinite(values)
    return np.where(known, np.clip(np.nan_to_num(values), 1, 65535), 0).astype(np.uint16)


def _stretch(numbers: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """The colour of each digital number: bands without the outermost half percent of each end, lightened."""
    table = np.zeros((3, 65536), np.uint8)
    step = max(1, numbers[0].size // 1_000_000)
    for band in range(3):
        values = numbers[band].ravel()[::step]
        values = values[values > 0]
        low, high = np.percentile(values, _TAILS) if len(values) else (0, 1)
        share = np.clip((np.arange(65536) - low) / max(high - low, 1), 0, 1)
        table[band] = np.round(255 * share ** (1 / _GAMMA))
    return table


def _coloured(numbers: NDArray[np.uint16], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    out = np.empty((*numbers.shape[1:], 4), np.uint8)
    out[..., 3] = 255 * (numbers > 0).all(axis=0).astype(np.uint8)
    for band in range(3):
        out[..., band] = table[band][numbers[band]]
    out[out[..., 3] == 0] = 0
    return out


def _pyramid(image: Image.Image) -> Picture:
    width, height = image.size
    tiles: dict[str, bytes] = {}
    for level in range(levels(width, height)):
        if level:
            image = image.resize((math.ceil(image.width / 2), math.ceil(image.height / 2)), _BOX)
        tiles |= {f"{level}/{column}/{row}": webp(tile) for column, row, tile in _cut(np.asarray(image))}
    return Picture(width, height, tiles)


def _cut(colours: NDArray[np.uint8]) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    """Cut colours into full tiles, without those that show nothing."""
    for row in range(math.ceil(colours.shape[0] / TILE)):
        for column in range(math.ceil(colours.shape[1] / TILE)):
            part = colours[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
            if part[..., 3].any():
                tile = np.zeros((TILE, TILE, 4), np.uint8)
                tile[: part.shape[0], : part.shape[1]] = part
                yield column, row, tile
