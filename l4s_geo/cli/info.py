"""l4s info: what a scene is."""

from __future__ import annotations

from typing import Any

import click

from l4s_geo.cli.console import user_errors
from l4s_geo.cli.options import scene_options

__all__ = ["main"]


@click.command(context_settings={"max_content_width": 100})
@scene_options
def main(inputs: dict[str, Any]) -> None:
    """Say what SCENE is, and which installed bundles can map it.

    Prints its product, processing level and time, its bands and grid, what is taken for granted of it and why (units,
    offset, order of the bands, sensor, nodata, terrain, date), the share of it that is masked, and for each installed
    bundle whether it runs, or why not.
    """
    with user_errors():
        from l4s_geo.scene_summary import able_bundles, introduction
        from l4s_geo.stack.assumed import assumptions_of, remarks_of
        from l4s_geo.stack.open import Inputs, open_stack

        with open_stack(Inputs(**inputs)) as stack:
            remarks = [f"Note: {remark}" for remark in remarks_of(stack)]
            for line in (*introduction(stack), *assumptions_of(stack).lines(), *remarks):
                click.echo(line)
            if stack.masks:
                click.echo(f"Masked: {stack.hidden_share():.1%} of the scene")
            for line in able_bundles(stack):
                click.echo(line)
