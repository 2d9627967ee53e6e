"""l4s event status: what has become of each unit of an event."""

from __future__ import annotations

import click

from l4s_geo.address import shown
from l4s_geo.cli.console import user_errors

__all__ = ["main"]

_HEADER = ("unit", "state", "landslides", "km²", "attempts", "seconds")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("event", metavar="FILE", type=click.Path())
def main(event: str) -> None:
    """Print what has become of each unit of the event file FILE.

    A unit is open, running, stopped (its process ended; the next run goes on with it), done, or failed with a reason.
    """
    with user_errors():
        from l4s_geo.events.run import event_status

        rows = [_HEADER]
        jobs = event_status(event)
        for job in jobs:
            found = job.result if job.state == "done" else {}
            area = f"{found['area_m2'] / 1e6:.3f}" if found else ""
            number = str(found.get("features", ""))
            rows.append((job.name, job.state, number, area, str(job.attempts), f"{job.seconds:.0f}"))
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
        for row in rows:
            click.echo("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip())
        for job in jobs:
            if job.error:
                click.echo(shown(f"{job.name}: {job.error}"))
