"""The page of a report: texts in every language, data for its script, all in one file.

Nothing that comes from a file is trusted: Jinja2 escapes what is shown, data is JSON without a ``<``, and a content
security policy lets the browser run the page's own scripts only, known by their hashes, and fetch nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup, escape
from numpy.typing import NDArray

from l4s_geo.evaluation.evaluate import Evaluation
from l4s_geo.evaluation.sizes import Sizes
from l4s_geo.evaluation.summary import tables
from l4s_geo.grid import PIXEL, Grid
from l4s_geo.reporting.facts import Engines, Model, Number, Said, comparison_figures, key_figures, other_scenes, shares
from l4s_geo.reporting.german import localised, sentence, table_words
from l4s_geo.reporting.imagery import Picture, levels
from l4s_geo.reporting.landslides import Landslides
from l4s_geo.reporting.outlines import Outlines, encode
from l4s_geo.reporting.plots import Plot
from l4s_geo.reporting.texts import LANGUAGES, SCRIPT, TEXTS

__all__ = ["Figure", "Imagery", "Page", "render"]

_FOLDER = Path(__file__).parent
_SCRIPTS = (
    ("vendor/leaflet.js", "vendor/leaflet.LICENSE.txt"),
    ("vendor/uPlot.iife.min.js", "vendor/uPlot.LICENSE.txt"),
    ("assets/page.js", None),
)
"""The scripts of a page, each with the licence that goes with every copy."""
_STYLES = ("vendor/leaflet.css", "vendor/uPlot.min.css", "assets/page.css")
_CLASSES = ("high", "medium", "low", "hit", "split", "amalgamated", "false", "missed", "reference", "")
_UNKNOWN = -1
_MOST_SHOWN = 2000
"""Letters of a fact that are shown."""
_MOST_FACTS = 200
"""Facts that are shown."""


@dataclass(frozen=True)
class Imagery:
    """The pictures under the map."""

    after: Picture
    before: Picture | None
    """The earlier date, of the same size; None if there is none."""
    resolution: float
    """Metres on the ground that a pixel of the finest level has."""
    name: str
    acquired: str
    bands: tuple[str, ...]
    before_name: str = ""
    before_acquired: str = ""


@dataclass(frozen=True)
class Figure:
    """One of the largest landslides."""

    number: int
    """Its place among those drawn, from 0 on."""
    id: int
    area: float
    confidence: str
    slope: float
    """Degrees; NaN if unknown."""
    position: tuple[float, float] | None
    """Latitude and longitude."""
    pictures: tuple[bytes, ...]
    """WebP files: before and after, or after alone, or none."""
    size: tuple[int, int]
    """Columns and rows that the pictures cover, pixels of 10 m."""
    path: str
    """Its outline in these pixels, as an SVG path."""


@dataclass(frozen=True)
class Page:
    """All that a report shows."""

    landslides: Landslides
    """The inventory, in the CRS of the grid."""
    drawn: Landslides
    """Outlines on the map: the largest landslides, or those of both sides of a comparison."""
    of: int
    """How many there are to draw."""
    facts: Mapping[str, Any]
    model: Model | None
    sizes: Sizes | None
    """The fits of the landslides' sizes; None if they are too few, and for a comparison, whose tables have them."""
    outlines: Outlines
    ground: tuple[tuple[str, Outlines], ...]
    """Of a comparison, the ground that was looked at ("looked") and what was not judged ("doubt")."""
    grid: Grid
    imagery: Imagery | None
    hidden: tuple[float, bytes] | None
    """Share of the scene that is masked, and where."""
    largest: tuple[Figure, ...]
    plots: tuple[Plot, ...]
    warnings: tuple[Said, ...]
    evaluation: Evaluation | None
    inventory: str = ""
    reference: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    """What makes the inventory and the report again."""

    @property
    def resolution(self) -> float:
        """Metres that one unit of the map's coordinates stands for."""
        return self.imagery.resolution if self.imagery else PIXEL

    @property
    def kinds(self) -> tuple[str, ...]:
        """The classes that the outlines have, by which they are coloured."""
        there = set(self.kind.tolist())
        return tuple(name for name in _CLASSES if name in there)

    @property
    def kind(self) -> NDArray[np.str_]:
        """(n,) the class of each outline."""
        words = self.drawn.words.get("outcome", self.drawn.words.get("confidence"))
        return np.full(len(self.drawn), "") if words is None else np.where(np.isin(words, _CLASSES), words, "")

    @property
    def masked_share(self) -> float | None:
        """The share of the scene that is masked, looked up or else as the inventory says; None if unknown."""
        return self.hidden[0] if self.hidden else shares(self.facts)[2]


def render(page: Page) -> str:
    """Return a report as HTML."""
    scripts = [(f"/*!\n{_asset(licence)}*/\n" if licence else "") + _asset(name) for name, licence in _SCRIPTS]
    styles = [_asset(name) for name in _STYLES]
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts))}",
            f"style-src {' '.join(map(_hash, styles))}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    template = _templates().get_template("page.html")
    return template.render(
        page=page,
        policy=policy,
        scripts=[Markup(text) for text in scripts],  # noqa: S704  the package's own files
        styles=[Markup(text) for text in styles],  # noqa: S704
        data=htmlsafe_json_dumps(_data(page)),
        figures=[
            *(comparison_figures(page.evaluation) if page.evaluation else ()),
            *key_figures(page.landslides, page.facts, page.sizes, page.hidden[0] if page.hidden else None),
        ],
        confidence=_confidence(page),
        tables=[_translated(*table) for table in tables(page.evaluation)] if page.evaluation else [],
        facts={key: _short(value) for key, value in islice(page.facts.items(), _MOST_FACTS)},
        others=other_scenes(page.facts),
        software=f"l4s-geo {version('l4s-geo')}",
        area_steps=_area_steps(page.drawn.area),
    )


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(_FOLDER / "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals |= {
        "t": _text,
        "said": _said,
        "n": _number,
        "both": _both,
        "moment": _moment,
        "dated": _dated,
        "data_uri": _data_uri,
        "Engines": Engines,
        "Number": Number,
    }
    return templates


@cache
def _asset(name: str) -> str:
    """A file of the package for a page, without the comment that would make a browser look for its source map."""
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return re.sub(r"\n?//# sourceMappingURL=\S+", "", text).strip() + "\n"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _text(name: str, /, **filled: Any) -> Markup:
    """A text in every language, of which the page shows one."""
    texts = zip(LANGUAGES, TEXTS[name], strict=True)
    return _both([Markup(text).format(**_filled(filled, language)) for language, text in texts])  # noqa: S704


def _said(said: Said) -> Markup:
    return _text(said.name, **said.filled)


def _filled(filled: Mapping[str, Any], language: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in filled.items():
        if isinstance(value, Number):
            out[name] = _written(value, language)
        elif isinstance(value, Said):
            out[name] = _in(value, language)
        elif isinstance(value, Engines):
            out[name] = _engines(value.text, language)
        elif isinstance(value, tuple):
            out[name] = Markup("; ").join(_in(one, language) for one in value)
        else:
            out[name] = value
    return out


def _engines(text: str, language: str) -> str:
    """What the engine says, in a language; marked as English where that is not known."""
    german = sentence(text)
    if language == "en" or not text:
        return text
    return Markup('<span lang="en-GB">{}</span>').format(text) if german is None else german


def _both(texts: Sequence[str]) -> Markup:
    """Texts of the languages, of which the page shows one; one alone if they are the same."""
    if len(set(texts)) == 1:
        return escape(texts[0])
    spans = (Markup('<span lang="{}">{}</span>').format(*pair) for pair in zip(LANGUAGES, texts, strict=True))
    return Markup("").join(spans)


def _in(said: Said, language: str) -> Markup:
    text = TEXTS[said.name][LANGUAGES.index(language)]
    return Markup(text).format(**_filled(said.filled, language))  # noqa: S704  the package's own texts


def _number(value: Number) -> Markup:
    """A number in every language."""
    return _both([_written(value, language) for language in LANGUAGES])


def _written(number: Number, language: str) -> str:
    text = f"{number.value:,.{number.decimals}f}"
    return text if language == "en" else localised(text)


def _translated(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    """A table of a comparison with its words in every language."""
    return {
        "title": (title, table_words(title)),
        "heads": [(head, table_words(head)) for head in heads],
        "rows": [[(cell, table_words(cell)) for cell in row] for row in rows],
    }


def _confidence(page: Page) -> list[tuple[str, int, float | None]]:
    """The classes of confidence: how many landslides have each, and the share of right ones in tests."""
    words = page.landslides.words.get("confidence")
    if words is None or page.model is None:
        return []
    right = page.model.precision()
    return [(name, int((words == name).sum()), right.get(name)) for name in ("high", "medium", "low")]


def _area_steps(area: NDArray[np.float64]) -> list[int]:
    """Areas from which a filter shows, up to the largest landslide."""
    steps = [0, *(m * 10**power for power in range(2, 8) for m in (1, 2, 5))]
    return [step for step in steps if step <= (area.max() if len(area) else 0)] or [0]


def _data(page: Page) -> dict[str, Any]:
    """What the page's script works on."""
    drawn, imagery = page.drawn, page.imagery
    height, width = page.grid.shape
    if imagery:
        width, height = imagery.after.width, imagery.after.height
    pictures = [p for p in (imagery.after, imagery.before) if p] if imagery else []
    return {
        "texts": {
            language: {name: TEXTS[name][number] for name in SCRIPT} for number, language in enumerate(LANGUAGES)
        },
        "width": width,
        "height": height,
        "levels": levels(width, height),
        "resolution": page.resolution,
        "count": len(drawn),
        "compared": page.evaluation is not None,
        "kinds": list(page.kinds),
        "steps": _area_steps(drawn.area),
        "outlines": _encoded(page.outlines, page.resolution),
        "ground": [{"name": name, **_encoded(outlines, page.resolution)} for name, outlines in page.ground],
        "attributes": dict(_attributes(page)),
        "pictures": [{place: _base64(tile) for place, tile in picture.tiles.items()} for picture in pictures],
        "hidden": _data_uri(page.hidden[1]) if page.hidden and imagery else None,
        "plots": [plot.plain() for plot in page.plots],
    }


def _encoded(outlines: Outlines, resolution: float) -> dict[str, Any]:
    texts = {name: getattr(outlines, name) for name in ("points", "rings", "parts", "shapes")}
    return {**texts, "scale": outlines.unit / resolution}


def _attributes(page: Page) -> Iterator[tuple[str, str]]:
    """Attributes of the outlines as whole numbers; -1 where unknown."""
    drawn, kinds = page.drawn, page.kinds
    yield "id", encode(np.clip(drawn.ids, -(2**31), 2**31))
    yield "area", encode(np.round(drawn.area).astype(np.int64))
    yield "kind", encode(np.array([kinds.index(name) for name in page.kind], np.int64))
    for name, column, factor in (
        ("prob", "prob_mean", 1000),
        ("slope", "slope_mean_deg", 10),
        ("aspect", "aspect_deg", 1),
        ("elevation", "elevation", 1),
        ("new", "p_new", 1000),
        ("is_new", "is_new", 1),
        ("covered", "covered", 1000),
    ):
        if drawn.known(column):
            values = drawn.number(column) * factor
            whole = np.clip(np.nan_to_num(values), -1e9, 1e9).round()
            yield name, encode(np.where(np.isfinite(values), whole, _UNKNOWN).astype(np.int64))
    positions = drawn.positions()
    if positions is not None:
        whole = np.round(positions * 1e5)
        yield "longitude", encode(whole[:, 0].astype(np.int64))
        yield "latitude", encode(whole[:, 1].astype(np.int64))


def _moment(text: Any) -> str:
    """A time of ISO 8601 without its seconds; other text as it is."""
    return re.sub(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)\S*$", r"\1 \2 UTC", str(text)[:200])


def _dated(acquired: str) -> str:
    return f", {_moment(acquired)}" if acquired else ""


def _data_uri(file: bytes) -> str:
    return f"data:image/webp;base64,{_base64(file)}"


def _base64(file: bytes) -> str:
    return base64.b64encode(file).decode("ascii")


def _short(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + " …"
