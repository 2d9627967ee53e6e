"""Errors that a user can mend: one sentence with what was found, what was expected and what to do."""

from __future__ import annotations

import re

_SECRETS = re.compile(r"(?<=://)[^/\s]*@|(?<=\w)\?(?=\S*=)[^\s;,]*")


class PluginError(Exception):
    """Root of the plugin's errors; no address in their messages holds a user name, a password or a query."""

    def __init__(self, message: str = "") -> None:
        super().__init__(_SECRETS.sub("", message))


class InputError(PluginError):
    """A parameter cannot be used."""


class EngineMissingError(PluginError):
    """There is no engine, or it cannot be used; setting one up is the remedy."""


class EngineError(PluginError):
    """The engine answered with an error, or not at all."""

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


class CancelledError(PluginError):
    """The user cancelled."""
