"""``l4s-train figures``: draws data and runs as the papers do."""

from __future__ import annotations

from pathlib import Path

import click

from l4s_training.cli import options

__all__ = ["command"]


@click.command("figures")
@click.argument("what", metavar="DATA|RUN", nargs=-1, required=True)
@options.folder("Folder of the figures, a PNG and a CSV each.")
@click.option(
    "--bands",
    default="all",
    show_default=True,
    help="Of data: bands to draw, as B4,B3,B2, or a set's name such as RGB.",
)
@click.option("--data", multiple=True, metavar="PATH", help="Of a run: where its data is now, if it was moved.")
def command(what: tuple[str, ...], out: Path, bands: str, data: tuple[str, ...]) -> None:
    """Draw what the papers show, of data or of a run.

    DATA (folders, zips or .npz, one or more; each is a domain): mean and standard deviation of each band by domain, the
    ratio of the classes, the mean spectrum of either class.

    RUN (one, of `l4s-train run` or `fit`): F1 on training and validation patches over the steps, and of a recipe run
    with pseudo-labels their maps, round by round.

    The same input gives the same files. What comes of a smoke run or of simulated patches is marked in each.
    """
    from l4s_geo.errors import DataError
    from l4s_training.data.bandsets import parse
    from l4s_training.figures.source import is_run
    from l4s_training.files import check_apart

    runs = [path for path in what if is_run(Path(path))]
    if runs and len(what) > 1:
        raise DataError(f"{len(what)} paths were given, of which {runs[0]} is a run; give one run, or data alone.")
    check_apart(out, what, data)
    out.mkdir(parents=True, exist_ok=True)
    drawn = _of_run(Path(runs[0]), data, out) if runs else _of_data(what, parse(bands), out)
    click.echo(f"{out}: {', '.join(f'{name}.png, {name}.csv' for name in drawn)}")


def _of_data(paths: tuple[str, ...], bands: tuple[str, ...], out: Path) -> list[str]:
    from l4s_training.figures.domains import draw_domains
    from l4s_training.figures.source import read_domains

    return draw_domains(read_domains(paths, bands), out)


def _of_run(run: Path, data: tuple[str, ...], out: Path) -> list[str]:
    from l4s_training.figures.runs import draw_curves, draw_pseudo_labels
    from l4s_training.figures.source import network_runs, pseudo_labels

    draw_curves(network_runs(run), out)
    rounds = pseudo_labels(run, data)
    if not rounds:
        return ["curves"]
    draw_pseudo_labels(rounds, out)
    return ["curves", "pseudo-labels"]
