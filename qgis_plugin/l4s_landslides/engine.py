"""Where the engine is: the interpreter that has the package l4s-geo.

The first of these that is given: the setting in Settings → Options → Processing → Providers → Landslide4Sense, the
environment variable L4S_PYTHON, the environment that *Set up environment* made in the user's profile.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from qgis.core import QgsApplication, QgsSettings

from .errors import EngineMissingError
from .texts import tr

SETTING = "L4S_LANDSLIDES_PYTHON"
"""Name of the setting in Processing's configuration."""

VARIABLE = "L4S_PYTHON"

PROTOCOL = 1
"""The version of the worker's protocol that the plugin speaks."""

MINIMUM = (0, 1, 0)
"""The oldest engine that the plugin can use."""


@dataclass(frozen=True)
class Engine:
    """An interpreter, and where its path came from."""

    python: str
    origin: str


def managed_folder() -> Path:
    """The folder in the user's profile that holds managed environments."""
    return Path(QgsApplication.qgisSettingsDirPath()) / "l4s_landslides"


def managed_record() -> Path:
    """The file that names the interpreter of the managed environment."""
    return managed_folder() / "engine.json"


def remedy() -> str:
    """What to do when there is no engine."""
    return tr(
        "run “Set up environment” from the toolbox (Landslide4Sense), or name an interpreter that has the package "
        "l4s-geo in Settings → Options → Processing → Providers → Landslide4Sense or in the environment variable "
        "L4S_PYTHON"
    )


def find() -> Engine:
    """Find the engine.

    Raises:
        EngineMissingError: none is set up, or the file named is not there.
    """
    setting = str(QgsSettings().value(f"Processing/Configuration/{SETTING}", "") or "").strip()
    variable = os.environ.get(VARIABLE, "").strip()
    for python, origin in (
        (setting, tr("the Processing option")),
        (variable, tr("the environment variable L4S_PYTHON")),
        (_managed(), tr("the managed environment")),
    ):
        if not python:
            continue
        if not Path(python).is_file():
            raise EngineMissingError(
                tr("{origin} names the interpreter {python}, which does not exist; mend it, or {remedy}.").format(
                    origin=origin[0].upper() + origin[1:], python=python, remedy=remedy()
                )
            )
        return Engine(python, origin)
    raise EngineMissingError(tr("The engine is not set up yet; {remedy}.").format(remedy=remedy()))


def check_hello(hello: dict, engine: Engine) -> None:
    """Check that the engine that said hello is one the plugin can use.

    Raises:
        EngineMissingError: it speaks another protocol, or is too old.
    """
    version = str(hello.get("engine", "?"))
    number = tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
    if hello.get("protocol") != PROTOCOL:
        found = tr("speaks version {} of the worker's protocol, and the plugin speaks {}").format(
            hello.get("protocol"), PROTOCOL
        )
    elif number < MINIMUM:
        found = tr("is older than {}, the oldest that the plugin can use").format(".".join(map(str, MINIMUM)))
    else:
        return
    raise EngineMissingError(
        tr("The engine {version} at {python} {found}; {remedy}.").format(
            version=version, python=engine.python, found=found, remedy=remedy()
        )
    )


def _managed() -> str:
    try:
        return str(json.loads(managed_record().read_text(encoding="utf-8"))["python"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
