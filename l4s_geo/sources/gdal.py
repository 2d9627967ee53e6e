"""GDAL's settings hold for a thread; this takes them along to another."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import rasterio
from rasterio.session import AWSSession

__all__ = ["with_these_settings"]

P = ParamSpec("P")
R = TypeVar("R")

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""What rasterio keeps among the settings where boto3 is installed, and takes by way of a session alone."""


def with_these_settings(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that runs in whatever thread under the GDAL settings that hold here and now."""
    settings = rasterio.env.getenv() if rasterio.env.hasenv() else {}
    keys = {name.lower(): settings.pop(name, None) for name in _KEYS}
    session = AWSSession(**keys) if keys["aws_access_key_id"] else None

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with rasterio.Env(session, **settings):
            return function(*args, **kwargs)

    return run
