"""Puts a bundle's folder in its place: whole, or not at all, and in place of nothing but a bundle."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from l4s_geo.bundles.bundle import Bundle
from l4s_geo.bundles.item import read_bundle, write_bundle
from l4s_geo.errors import BundleError
from l4s_geo.output.claim import claimed

__all__ = ["check_place", "install_bundle", "is_bundle"]

_OWN = ("bundle.json", "README.md")


def install_bundle(bundle: Bundle, networks: Mapping[str, bytes], target: Path, card: str = "") -> None:
    """Write a bundle beside its place, read it again, and move it there in place of an older one.

    Args:
        bundle: the description; each member's ``sha256`` must be that of its network.
        networks: ONNX files by member file name.
        target: the bundle's folder; folders around it are created if need be.
        card: the model card, Markdown.

    Raises:
        BundleError: what stands in the place is not a bundle, or holds more than one.
        OutputError: another run writes the same bundle.
        OSError: it cannot be written, or not all of it; the older one stays.
    """
    check_place(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with claimed(target), tempfile.TemporaryDirectory(prefix=".adding-", dir=target.parent) as staging:
        ready, former = Path(staging) / "new", Path(staging) / "old"
        write_bundle(bundle, networks, ready, card)
        _read_back(ready, networks, card)
        if target.exists():
            os.replace(target, former)
        try:
            os.replace(ready, target)
        except OSError:
            if former.exists():
                os.replace(former, target)
            raise
        shutil.rmtree(former, ignore_errors=True)


def is_bundle(folder: Path) -> bool:
    """Whether a folder is a bundle's own, and no link to one."""
    return not folder.is_symlink() and folder.is_dir() and (folder / "bundle.json").is_file()


def check_place(target: Path) -> None:
    """Check, before any work is done, that a bundle may take a folder's place.

    Raises:
        BundleError: what stands there is not a bundle, or holds more than one.
    """
    if not os.path.lexists(target) or (target.is_dir() and not target.is_symlink() and not any(target.iterdir())):
        return
    if not is_bundle(target):
        raise BundleError(f"{target} is in the way and is not a bundle; move it elsewhere, nothing of it is deleted.")
    if others := sorted(p.name for p in target.iterdir() if p.name not in _OWN and p.suffix != ".onnx"):
        raise BundleError(
            f"{target} holds more than a bundle ({', '.join(others)}), which would be lost; move that elsewhere, or "
            "choose another name."
        )


def _read_back(folder: Path, networks: Mapping[str, bytes], card: str) -> None:
    """Check that a bundle stands on the disk as it was written, which a nearly full one does not always say.

    Raises:
        OSError: it does not.
    """
    bundle = read_bundle(folder)
    for member in bundle.files:
        if (folder / member.file).read_bytes() != networks[member.file]:
            raise OSError(f"{member.file} was not written to its end")
    if bundle.card() != card:
        raise OSError("README.md was not written to its end")
