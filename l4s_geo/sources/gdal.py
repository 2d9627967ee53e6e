"""GDAL's settings hold for a thread; this takes them along to another."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import rasterio

__all__ = ["with_these_settings"]

P = ParamSpec("P")
R = TypeVar("R")


def with_these_settings(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that runs in whatever thread under the GDAL settings that hold here and now."""
    settings = rasterio.env.getenv() if rasterio.env.hasenv() else {}

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with rasterio.Env(**settings):
            return function(*args, **kwargs)

    return run
