"""Where the engine is: the interpreter that has the package l4s-geo.

The first of these that is given: the setting in Settings → Options → Processing → Providers → Landslide4Sense, the
environment variable L4S_PYTHON, the environment that *Set up environment* made for all profiles of this QGIS.
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


_FOLDER = "l4s_landslides"


@dataclass(frozen=True)
class Engine:
    """An interpreter, and where its path came from."""

    python: str
    origin: str
    remedy: str = ""
    """What to do if it cannot be used."""


def managed_folder() -> Path:
    """The folder that holds managed environments, beside the profiles, which share them."""
    profile = _profile()
    return (profile.parent.parent if profile.parent.name == "profiles" else profile) / _FOLDER


def _profile() -> Path:
    """The user's profile: the plugin lies in it, so that scripts outside QGIS find it too."""
    plugins = Path(__file__).absolute().parents[1]
    if plugins.name == "plugins" and plugins.parent.name == "python":
        return plugins.parents[1]
    return Path(QgsApplication.qgisSettingsDirPath())


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


def _overruled(what: str) -> str:
    """What to do when an option or a variable, which go before the managed environment, names what cannot be used."""
    return tr(
        "clear {what}, so that the environment of “Set up environment” is used, or name an interpreter there that has "
        "the package l4s-geo"
    ).format(what=what)


def find() -> Engine:
    """Find the engine.

    Raises:
        EngineMissingError: none is set up, or the file named is not there.
    """
    setting = str(QgsSettings().value(f"Processing/Configuration/{SETTING}", "") or "").strip()
    variable = os.environ.get(VARIABLE, "").strip()
    option = tr("the option in Settings → Options → Processing → Providers → Landslide4Sense")
    named = tr("the environment variable L4S_PYTHON")
    for found in (
        Engine(setting, tr("the Processing option"), _overruled(option)),
        Engine(variable, named, _overruled(named)),
        Engine(_managed(), tr("the managed environment"), tr("run “Set up environment” again")),
    ):
        if not found.python:
            continue
        if not Path(found.python).is_file():
            raise EngineMissingError(
                tr("{origin} names the interpreter {python}, which does not exist; {remedy}.").format(
                    origin=found.origin[0].upper() + found.origin[1:], python=found.python, remedy=found.remedy
                )
            )
        return found
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
            version=version, python=engine.python, found=found, remedy=engine.remedy or remedy()
        )
    )


def _managed() -> str:
    """The interpreter of the managed environment, or of one that an earlier version made within the profile; or ""."""
    for record in (managed_record(), _profile() / _FOLDER / managed_record().name):
        try:
            return str(json.loads(record.read_text(encoding="utf-8"))["python"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return ""
