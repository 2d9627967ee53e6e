"""l4s review: what a review says of the model."""

from __future__ import annotations

import click

from l4s_geo.cli.console import user_errors

__all__ = ["main"]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("inventory", type=click.Path())
def main(inventory: str) -> None:
    """Count the decisions of a reviewed INVENTORY: the model's precision on this scene, by class of confidence.

    The attribute review says accepted, edited, rejected, added or field check (QGIS's panel Review inventory writes
    it). In brackets stands Wilson's interval of 95 %.

    \b
    Examples:
      l4s review reviewed.gpkg
    """  # noqa: D301
    with user_errors():
        from rich.console import Console
        from rich.table import Table

        from l4s_geo.review.decisions import count_decisions

        classes, added = count_decisions(inventory)
        table = Table(box=None, pad_edge=False)
        for number, head in enumerate(("confidence", "mapped", "right", "wrong", "field check", "precision")):
            table.add_column(head, justify="right" if number else "left", no_wrap=True)
        for name, found in classes.items():
            low, high = found.interval
            share = f"{found.precision:.0%} ({low:.0%} to {high:.0%})" if found.right + found.wrong else "none decided"
            table.add_row(name or "none", *map(str, (found.mapped, found.right, found.wrong, found.doubtful)), share)
        console = Console()
        console.print(table)
        console.print(f"Added by hand: {added}", highlight=False)
