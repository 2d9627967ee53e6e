"""What libraries say in their own words: Python's warnings, their loggers, GDAL's error log.

Commands and the worker turn it off as a whole, since all that a user should know is said in sentences of this project;
``-v``, or the environment variable ``L4S_DEBUG``, lets it through. Who imports the package keeps his own settings.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

__all__ = ["DEBUG", "without_chatter"]

DEBUG = "L4S_DEBUG"
"""Environment variable that lets the libraries' words through, whatever its value but "" and "0"."""

_GDAL_LOG = "CPL_LOG"


@contextmanager
def without_chatter(show: bool = False) -> Iterator[None]:
    """Keep warnings and log lines of libraries from the terminal, for as long as the ``with`` block runs.

    Warnings go to the logger ``py.warnings`` whatever filters a library installs, and from there nowhere. A variable
    of the user's own (``PYTHONWARNINGS``, ``CPL_LOG``) is left alone.

    Args:
        show: let everything through.
    """
    if show or os.environ.get(DEBUG, "0") not in ("", "0") or os.environ.get("PYTHONWARNINGS"):
        yield
        return
    nowhere = logging.NullHandler()
    quiet = _GDAL_LOG not in os.environ
    before = warnings.showwarning
    if quiet:
        os.environ[_GDAL_LOG] = os.devnull
    # Without any handler, logging prints to stderr.
    logging.getLogger().addHandler(nowhere)
    warnings.showwarning = _to_log
    try:
        yield
    finally:
        warnings.showwarning = before
        logging.getLogger().removeHandler(nowhere)
        if quiet:
            os.environ.pop(_GDAL_LOG, None)


def _to_log(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    logging.getLogger("py.warnings").warning("%s:%s: %s: %s", filename, lineno, category.__name__, message)
