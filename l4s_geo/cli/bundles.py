"""l4s bundles: the models that are installed."""

from __future__ import annotations

from collections.abc import Mapping

import click

from l4s_geo.bundles.taught import Taught
from l4s_geo.cli.console import user_errors
from l4s_geo.cli.groups import SuggestingGroup

__all__ = ["main", "score_lines"]

_MEASURES = {
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "iou": "IoU",
    "calibration_error": "cal. err.",
}
_DIGITS = {"calibration_error": 4}
"""Decimal places of a measure, where they are not three."""


@click.group(cls=SuggestingGroup, no_args_is_help=True)
def main() -> None:
    """List, show, add and remove models."""


@main.command("list")
def list_bundles() -> None:
    """List the installed bundles."""
    with user_errors():
        from l4s_geo.bundles.registry import installed, is_embedded

        for name, bundle in installed().items():
            score = f"  F1 {bundle.scores['test_f1']:.3f}" if "test_f1" in bundle.scores else ""
            origin = "embedded" if is_embedded(name) else "added"
            click.echo(f"{name}  {bundle.version}  {' '.join(bundle.bands)}{score}  {origin}\n    {bundle.description}")


@main.command()
@click.argument("bundle")
def show(bundle: str) -> None:
    """Show a bundle: its name or path. Ends with its model card."""
    with user_errors():
        from l4s_geo.bundles.registry import find_bundle

        found = find_bundle(bundle)
        click.echo(f"{found.name} {found.version}: {found.description}")
        click.echo(f"at         {found.location}")
        click.echo(f"bands      {', '.join(found.bands)}")
        for band, value in found.optional.items():
            click.echo(f"optional   {band}: {value:g} L4S units stand for it")
        click.echo(f"trained on {found.trained_on} ({found.level})")
        click.echo(f"threshold  {found.threshold:g}")
        click.echo(f"licence    {found.license}")
        for member in found.members:
            click.echo(f"network    {member.file}, {member.architecture}, normalisation {member.normalization}")
            click.echo(f"           SHA-256 {member.sha256}")
        for line in _taught_lines(found.taught) if found.taught else []:
            click.echo(line)
        for line in score_lines(found.scores):
            click.echo(line)
        if card := found.card():
            click.echo(f"\n{card}")


def _taught_lines(taught: Taught) -> list[str]:
    """Say on which base a bundle was taught, by what features, and from how much."""
    sun = f", sun {taught.sun[0]:g}°, {taught.sun[1]:g}° high" if taught.sun else ""
    return [
        f"taught on  {taught.base}, SHA-256 {taught.base_sha256}",
        *([f"           its base is missing: {taught.base_found}"] if taught.base_location is None else []),
        f"labels     {taught.landslides} landslides ({taught.landslide_m2 / 1e4:,.1f} ha), {taught.backgrounds} of "
        f"background ({taught.background_m2 / 1e4:,.1f} ha)",
        *([f"           with the earlier scene {taught.before}, and needs one to map"] if taught.before else []),
        f"trees      {taught.file}, SHA-256 {taught.sha256}",
        f"features   {len(taught.features)}: {', '.join(taught.features)}{sun}",
    ]


def score_lines(scores: Mapping[str, float]) -> list[str]:
    """Set out scores as a table: a row for each set that was measured on, a column for each measure.

    Args:
        scores: by name: that of the set and of the measure, joined by "_". Other names follow in lines of their own.
    """
    rows: dict[str, dict[str, float]] = {}
    others: list[tuple[str, float]] = []
    for name, value in scores.items():
        measure = next((m for m in _MEASURES if name.endswith(f"_{m}")), None)
        if measure:
            rows.setdefault(name.removesuffix(f"_{measure}").replace("_", " "), {})[measure] = value
        else:
            others.append((name.replace("_", " "), value))
    width = max((len(row) for row in (*rows, *(name for name, _ in others))), default=0)
    lines = [f"{'scores':<{width}}  " + "  ".join(f"{title:>9}" for title in _MEASURES.values())] if rows else []
    for row, values in rows.items():
        cells = (f"{values[m]:>9.{_DIGITS.get(m, 3)}f}" if m in values else " " * 9 for m in _MEASURES)
        lines.append(f"{row:<{width}}  {'  '.join(cells)}".rstrip())
    return [*lines, *(f"{name:<{width}}  {value:>9.3f}" for name, value in others)]


@main.command()
@click.argument("path", type=click.Path())
def add(path: str) -> None:
    """Install a bundle, a folder or zip, so that it runs by its name."""
    with user_errors():
        from l4s_geo.bundles.registry import add_bundle

        bundle = add_bundle(path)
        click.echo(f"{bundle.name} {bundle.version} is installed: --bundle {bundle.name}")


@main.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove a bundle that was added."""
    with user_errors():
        from l4s_geo.bundles.registry import remove_bundle

        remove_bundle(name)
        click.echo(f"{name} is removed")
