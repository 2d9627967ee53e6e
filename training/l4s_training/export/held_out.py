"""The labelled patches that a bundle is measured on: those that its networks were not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from l4s_geo.errors import DataError
from l4s_training.data import splits
from l4s_training.data.patches import Patches, concatenate
from l4s_training.data.readers import read as sources

__all__ = ["HeldOut", "read_held_out"]


@dataclass(frozen=True)
class HeldOut:
    """Held-out patches by what they are for; any set may be empty."""

    validation: Patches
    """Patches that chose epoch, calibration and threshold."""
    test: Patches
    """Patches that chose nothing."""
    others: Mapping[str, Patches]
    """Further labelled patches, by the name of their file."""

    @property
    def sets(self) -> dict[str, Patches]:
        """The sets that hold patches, by name: ``validation``, ``test``, then the others."""
        named = {"validation": self.validation, "test": self.test, **self.others}
        return {name: patches for name, patches in named.items() if len(patches)}


def read_held_out(
    data: Sequence[str], bands: tuple[str, ...], plan: splits.Plan, measure_on: Sequence[Path]
) -> HeldOut:
    """Read the patches that a training held out, and further ones.

    Args:
        data: what the networks were trained on.
        bands: their input bands.
        plan: the split of that data.
        measure_on: further labelled data, all of it held out.

    Raises:
        DataError: the data is gone or cannot be read, or two sets would have one name.
    """
    sets = sources.read_all(data, bands)
    parts = splits.divide(sets, plan)
    patches = concatenate(sets)
    others: dict[str, Patches] = {}
    for path in measure_on:
        if path.stem in ("validation", "test", *others):
            raise DataError(f"Two of the sets to measure on are named {path.stem!r}; rename {path}.")
        others[path.stem] = sources.read(path, bands)
    return HeldOut(patches.take(parts.validation), patches.take(parts.test), others)
