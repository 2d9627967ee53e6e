"""Errors a user can cause and mend.

Each message is one sentence that says what was found, what was expected and what to do. Commands print it
and exit with code 2. Every class also inherits the built-in it refines, so callers can catch either.
"""

from l4s_geo.address import shown


class L4SError(Exception):
    """Root of all errors that this package raises on purpose; no address in their messages holds a secret."""

    def __init__(self, message: str = "") -> None:
        """Take a message, and keep it without what is secret in its addresses."""
        super().__init__(shown(message))


class SceneError(L4SError, ValueError):
    """The scene cannot be read, or is not something that can be mapped."""


class BandError(SceneError):
    """The scene lacks bands that the bundle needs, or its bands cannot be told apart."""


class TerrainError(L4SError, ValueError):
    """The DEM cannot be read or does not cover the scene."""


class BundleError(L4SError, ValueError):
    """A model bundle is unknown, damaged or of another format."""


class DeviceError(L4SError, RuntimeError):
    """The device or the inference runtime asked for is not to be had."""


class OutputError(L4SError, OSError):
    """A result cannot be written where it was asked for."""


class OutputKeptError(OutputError):
    """A result is complete, and stands under another name than it was to have."""


class DataError(L4SError, ValueError):
    """Training data is missing, damaged or does not fit together."""


class EvaluationError(L4SError, ValueError):
    """An inventory and a reference cannot be compared."""


class ReportError(L4SError, ValueError):
    """A report cannot be made of what was given."""


class TeachingError(L4SError, ValueError):
    """Nothing can be learned from the labels given."""


class EventError(L4SError, ValueError):
    """An event file says what cannot be, or its scenes cannot be brought together."""


class InventoryError(L4SError, ValueError):
    """No inventory can be made of what was given, or what was given is none that can be measured."""
