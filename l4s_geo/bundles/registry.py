"""The bundles that are installed: those in the package, and those a user has added."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from l4s_geo.bands import TERRAIN
from l4s_geo.bundles.bundle import Bundle
from l4s_geo.bundles.install import install_bundle, is_bundle
from l4s_geo.bundles.item import read_bundle
from l4s_geo.errors import BandError, BundleError, L4SError, OutputError

__all__ = [
    "add_bundle",
    "check_name",
    "find_bundle",
    "installed",
    "is_embedded",
    "lacking",
    "remove_bundle",
    "require_bands",
    "suits",
]

_EMBEDDED = Path(__file__).parent / "models"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

PathLike = str | os.PathLike[str]


def find_bundle(name_or_path: PathLike) -> Bundle:
    """Read the description of an installed bundle, by its name, or of any bundle, by its path.

    Args:
        name_or_path: the name of an installed bundle, or the path of a bundle's folder, zip or bundle.json.

    Raises:
        BundleError: there is no such bundle, or it is damaged.
    """
    places = _places()
    if str(name_or_path) in places:
        return _with_base(read_bundle(places[str(name_or_path)]))
    path = Path(name_or_path)
    path = path.parent if path.name == "bundle.json" else path
    # Unlike a path's own methods, these take a name that is too long for one that does not exist.
    if os.path.isfile(path / "bundle.json") or (os.path.isfile(path) and path.suffix.lower() == ".zip"):
        return _with_base(read_bundle(path))
    near = get_close_matches(str(name_or_path), places, 1, 0.5)
    raise BundleError(
        f"There is no bundle {str(name_or_path)!r}: expected the path of a bundle's folder or zip, or one of the "
        f"installed bundles, {', '.join(places) or '(none)'}{f'; did you mean {near[0]}?' if near else '.'}"
    )


def installed() -> dict[str, Bundle]:
    """Return the installed bundles by name."""
    return {name: _with_base(read_bundle(path)) for name, path in _places().items()}


def is_embedded(name: str) -> bool:
    """Tell whether the bundle of a name is part of the package."""
    return (_EMBEDDED / name / "bundle.json").is_file()


def add_bundle(path: PathLike) -> Bundle:
    """Install a bundle for the user, after checking every file of it.

    Raises:
        BundleError: it is damaged, its name is taken by an embedded bundle or is no plain name, or what stands in its
            place is not a bundle.
        OutputError: it cannot be written, or another run adds a bundle of that name.
    """
    bundle = find_bundle(path)
    check_name(bundle.name)
    if is_embedded(bundle.name):
        raise BundleError(f"The name {bundle.name!r} belongs to an embedded bundle; export yours under another name.")
    networks = {member.file: bundle.network(member) for member in bundle.files}
    if bundle.taught:
        for member in bundle.members:  # its base has to be there, and whole
            bundle.network(member)
    target = _user_folder() / bundle.name
    try:
        install_bundle(bundle, networks, target, bundle.card())
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"The bundle cannot be kept in {target} ({error}); set L4S_BUNDLES to a folder.") from error
    return bundle


def remove_bundle(name: str) -> None:
    """Remove a bundle that was added.

    Raises:
        BundleError: there is none of that name, or it is embedded.
    """
    if is_embedded(name):
        raise BundleError(f"The bundle {name!r} is part of the package and cannot be removed.")
    if name not in _places():
        raise BundleError(f"There is no bundle {name!r} to remove; installed are {', '.join(_places())}.")
    place = _places()[name]
    if not is_bundle(place):
        raise BundleError(f"{place} is a link to a bundle elsewhere; remove the link yourself, the bundle stays.")
    shutil.rmtree(place)


def require_bands(
    bundle: Bundle,
    scene: str,
    bands: Collection[str],
    level: str = "",
    aside: Mapping[str, L4SError] = MappingProxyType({}),
) -> None:
    """Check that a bundle can map a scene.

    Args:
        bundle: the bundle.
        scene: the scene's name.
        bands: the bands it has.
        level: its processing level; "" if unknown.
        aside: the bands that lie with it and cannot be used, each with what is wrong.

    Raises:
        L4SError: a band that the bundle needs cannot be used.
        BandError: it lacks bands that the bundle needs, or its level does not suit the bundle; the message lists
            the installed bundles that would run.
    """
    missing = lacking(bundle, bands)
    if not missing and suits(bundle, level):
        return
    for band in missing:
        if band in aside:
            raise aside[band]
    able = [b.name for b in installed().values() if b != bundle and not lacking(b, bands) and suits(b, level)]
    instead = f"or use a bundle that would run: {', '.join(able)}" if able else "since no installed bundle would run"
    if missing:
        needed = ", ".join(band for band in bundle.bands if band not in bundle.optional)
        files = " ".join(f"--band {band}=FILE" for band in bundle.bands if band not in (*bundle.optional, *TERRAIN))
        hints = [f"in place of the scene, {files}"] if set(missing) - set(TERRAIN) else []
        hints += ["--dem FILE"] if set(missing) & set(TERRAIN) else []
        raise BandError(
            f"The scene {scene} has the bands {', '.join(bands)} and lacks {', '.join(missing)}; the bundle "
            f"{bundle.name} needs {needed}, so add what is missing ({' '.join(hints)}), {instead}."
        )
    raise BandError(
        f"The scene {scene} is {level} and the bundle {bundle.name} was trained on {bundle.level} with fixed "
        f"statistics; give a {bundle.level} product, {instead}."
    )


def lacking(bundle: Bundle, bands: Collection[str]) -> list[str]:
    """Return the bands that a bundle cannot do without and a scene does not have."""
    return [band for band in bundle.bands if band not in bands and band not in bundle.optional]


def suits(bundle: Bundle, level: str) -> bool:
    """Tell whether a bundle may map a level: another than it was trained on needs statistics of the scene's own."""
    return level in ("", bundle.level) or all(m.normalization != "fixed" for m in bundle.members)


def check_name(name: str) -> None:
    """Check that a name can be that of a folder on every system, and of nothing else than a folder of its own.

    Raises:
        BundleError: it cannot.
    """
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise BundleError(
            f"The bundle's name {name!r} is not a plain name; expected 1 to 100 letters, digits, '-', '_' and '.', a "
            "letter or digit first, so export it under another."
        )


def _with_base(bundle: Bundle) -> Bundle:
    """Find a taught bundle's base among those that are installed, by the digest of its networks.

    A base that is missing is no error yet: a taught bundle can be listed and shown without it.
    """
    if bundle.taught is None:
        return bundle
    others = {name: read_bundle(path) for name, path in _places().items()}
    bases = {name: other for name, other in others.items() if other.taught is None}
    for base in bases.values():
        if base.sha256 == bundle.taught.base_sha256:
            return replace(bundle, taught=replace(bundle.taught, base_location=base.location))
    namesake = bases.get(bundle.taught.base)
    found = f"the one of that name that is installed has {namesake.sha256}" if namesake else "it is not installed"
    return replace(bundle, taught=replace(bundle.taught, base_found=found))


def _places() -> dict[str, Path]:
    """Return the folders of the installed bundles by name; an embedded one goes before an added one."""
    folders = [p.parent for root in (_user_folder(), _EMBEDDED) for p in sorted(root.glob("*/bundle.json"))]
    return {folder.name: folder for folder in folders}


def _user_folder() -> Path:
    """Return where added bundles are kept: the environment variable L4S_BUNDLES, or a folder of the user's."""
    return Path(os.environ.get("L4S_BUNDLES") or Path.home() / ".local" / "share" / "l4s" / "bundles")
