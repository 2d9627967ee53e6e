"""The attributes of a landslide, once.

The schema of every format, the short names of shapefiles, the labels and forms in QGIS, and the tables in the README
and the documentation (written by ``scripts/write-attributes``) come from `COLUMNS`. Who adds an attribute describes it
here and computes it in `l4s_geo.inventory.attributes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "CHANGE_COLUMNS",
    "CHANGE_DTYPES",
    "COLUMNS",
    "DTYPES",
    "EVENT_COLUMNS",
    "EVENT_DTYPES",
    "GROUPS",
    "SHAPEFILE_NAMES",
    "TERRAIN_COLUMNS",
    "Column",
    "Group",
]

Group = Literal["Landslide", "Shape", "Terrain", "Change", "Event", "Origin"]
"""What an attribute is about; QGIS's form and the documentation show attributes by group."""

GROUPS: tuple[Group, ...] = ("Landslide", "Shape", "Terrain", "Change", "Event", "Origin")


@dataclass(frozen=True)
class Column:
    """One attribute of a landslide."""

    name: str
    """The attribute's name in all formats but the shapefile."""
    dtype: Literal["int32", "float64", "bool", "str"]
    """The attribute's type; a float is NaN, and a text empty, where nothing is known."""
    unit: str
    """The unit, and for an azimuth where it counts from; "" for what has none."""
    description: str
    """A few words in place of the name, for people."""
    how: str
    """Sentences that say how the value comes about, and when it is empty."""
    group: Group
    short_name: str = ""
    """The attribute's name in shapefiles, which allow ten characters; "" if that is `name`."""
    decimals: int = 0
    """Decimal places that QGIS shows of a float."""

    @property
    def label(self) -> str:
        """The description with the unit, which QGIS shows as the field's alias."""
        return f"{self.description} ({self.unit})" if self.unit else self.description


COLUMNS: tuple[Column, ...] = (
    Column(
        "id",
        "int32",
        "",
        "Landslide",
        "Number in the inventory, from 1 on, in the order of the landslides' first pixels from the top.",
        "Landslide",
    ),
    Column(
        "area_m2",
        "float64",
        "m²",
        "Area",
        "Area of the polygon on the mapping grid, without its holes.",
        "Landslide",
    ),
    Column(
        "perimeter_m",
        "float64",
        "m",
        "Perimeter",
        "Length of the polygon's outline on the mapping grid, those of its holes included.",
        "Shape",
        short_name="perim_m",
    ),
    Column(
        "length_m",
        "float64",
        "m",
        "Length",
        "Long side of the minimum rotated rectangle around the polygon.",
        "Shape",
    ),
    Column(
        "width_m",
        "float64",
        "m",
        "Width",
        "Short side of the minimum rotated rectangle around the polygon.",
        "Shape",
    ),
    Column(
        "orientation_deg",
        "float64",
        "° from north",
        "Orientation",
        "Azimuth of the rectangle's long side, 0 to 180, clockwise from grid north.",
        "Shape",
        short_name="orient_deg",
    ),
    Column(
        "compactness",
        "float64",
        "",
        "Compactness (4πA/P²)",
        "Polsby and Popper's 4πA/P² of area and perimeter: 1 for a circle, less for what is long or frayed.",
        "Shape",
        short_name="compact",
        decimals=2,
    ),
    Column(
        "n_pixels",
        "int32",
        "",
        "Pixels",
        "Number of pixels of the mapping grid, 10 m each, that were taken for this landslide.",
        "Shape",
    ),
    Column(
        "prob_mean",
        "float64",
        "",
        "Mean probability",
        "Mean of the model's probability over the landslide's pixels.",
        "Landslide",
        decimals=2,
    ),
    Column(
        "prob_max",
        "float64",
        "",
        "Highest probability",
        "Highest of the model's probabilities over the landslide's pixels.",
        "Landslide",
        decimals=2,
    ),
    Column(
        "prob_spread",
        "float64",
        "",
        "Spread of the probability",
        "How far networks and views disagree: the standard deviation of their probabilities, as a mean over the "
        "landslide's pixels. Empty with one network and one view.",
        "Landslide",
        short_name="prob_std",
        decimals=3,
    ),
    Column(
        "confidence",
        "str",
        "",
        "Confidence",
        "high, medium or low: the class of `prob_mean`, with a precision that the model's card states. Always low "
        "where the ground has the colours of a cloud. Empty if the model has no such classes.",
        "Landslide",
    ),
    Column(
        "slope_mean_deg",
        "float64",
        "°",
        "Mean slope",
        "Mean slope of the ground over the landslide's pixels. Empty without a DEM.",
        "Terrain",
        short_name="slope_mean",
        decimals=1,
    ),
    Column(
        "slope_max_deg",
        "float64",
        "°",
        "Highest slope",
        "Highest slope of the ground over the landslide's pixels. Empty without a DEM.",
        "Terrain",
        short_name="slope_max",
        decimals=1,
    ),
    Column(
        "elev_min_m",
        "float64",
        "m",
        "Lowest elevation",
        "Lowest elevation of the landslide's pixels. Empty without a DEM.",
        "Terrain",
    ),
    Column(
        "elev_max_m",
        "float64",
        "m",
        "Highest elevation",
        "Highest elevation of the landslide's pixels. Empty without a DEM.",
        "Terrain",
    ),
    Column(
        "relief_m",
        "float64",
        "m",
        "Relief",
        "Height H of the landslide: its highest elevation less its lowest. Empty without a DEM.",
        "Terrain",
    ),
    Column(
        "reach_angle_deg",
        "float64",
        "°",
        "Reach angle",
        "atan(H / L), of the relief H and the planimetric length L. Empty without a DEM.",
        "Terrain",
        short_name="reach_deg",
        decimals=1,
    ),
    Column(
        "aspect_deg",
        "float64",
        "° from north",
        "Aspect",
        "Direction that the ground faces, 0 to 360, clockwise from grid north: the circular mean over the landslide's "
        "pixels. Empty without a DEM and where the ground faces nowhere.",
        "Terrain",
    ),
    Column(
        "touches_edge",
        "bool",
        "",
        "Touches the edge of the data",
        "Whether the scene's border, or a pixel that was not mapped, lies beside the landslide, so that it may go on "
        "there.",
        "Landslide",
        short_name="edge",
    ),
    Column(
        "touches_mask",
        "bool",
        "",
        "Touches masked ground",
        "Whether a masked pixel (cloud, shadow, snow, a mask of the user's) lies beside the landslide, so that it may "
        "go on under the mask.",
        "Landslide",
        short_name="mask",
    ),
    Column(
        "scene",
        "str",
        "",
        "Scene",
        "Name of the scene that was mapped.",
        "Origin",
    ),
    Column(
        "bundle",
        "str",
        "",
        "Model bundle",
        "Name and version of the bundle that mapped it, and the first digits of the bundle's SHA-256.",
        "Origin",
    ),
    Column(
        "threshold",
        "float64",
        "",
        "Threshold",
        "Probability from which a pixel was taken for landslide.",
        "Origin",
        decimals=3,
    ),
    Column(
        "created",
        "str",
        "",
        "Mapped at",
        "Time at which the run began, UTC, as ISO 8601 writes it.",
        "Origin",
    ),
)
"""The attributes of a landslide, in the order in which files hold them."""

CHANGE_COLUMNS: tuple[Column, ...] = (
    Column(
        "is_new",
        "bool",
        "",
        "New",
        "Whether the landslide came about between the two dates: whether `p_new` reaches the threshold of new ones.",
        "Change",
    ),
    Column(
        "p_new",
        "float64",
        "",
        "Probability of being new",
        "Mean over the landslide's pixels of the probability that they are landslide and were none before. Empty where "
        "the earlier scenes show no clear ground.",
        "Change",
        decimals=2,
    ),
    Column(
        "p_before",
        "float64",
        "",
        "Probability before",
        "Mean of the model's probability over the same pixels on the earlier date. Empty where that is not known.",
        "Change",
        decimals=2,
    ),
    Column(
        "ndvi_before",
        "float64",
        "",
        "NDVI before",
        "Mean NDVI of the landslide's pixels on the earlier date, brought to the colours of the later one. Empty "
        "without near infrared on both dates.",
        "Change",
        short_name="ndvi_bef",
        decimals=2,
    ),
    Column(
        "ndvi_after",
        "float64",
        "",
        "NDVI after",
        "Mean NDVI of the landslide's pixels on the later date. Empty without near infrared on both dates.",
        "Change",
        short_name="ndvi_aft",
        decimals=2,
    ),
    Column(
        "dndvi",
        "float64",
        "",
        "Change of the NDVI",
        "`ndvi_after` less `ndvi_before`: negative where vegetation was lost.",
        "Change",
        decimals=2,
    ),
    Column(
        "date_before",
        "str",
        "",
        "Seen before",
        "Time of the last earlier scene, as ISO 8601 writes it; the landslide is younger if it is new. Empty if the "
        "products of that side do not all state theirs.",
        "Change",
        short_name="date_bef",
    ),
    Column(
        "date_after",
        "str",
        "",
        "Seen after",
        "Time of the first later scene, as ISO 8601 writes it; the landslide is older. Empty if the products of that "
        "side do not all state theirs.",
        "Change",
        short_name="date_aft",
    ),
    Column(
        "n_before",
        "int32",
        "",
        "Clear scenes before",
        "Number of earlier scenes that show the ground clearly: the smallest number over the landslide's pixels.",
        "Change",
    ),
    Column(
        "n_after",
        "int32",
        "",
        "Clear scenes after",
        "Number of later scenes that show the ground clearly: the smallest number over the landslide's pixels.",
        "Change",
    ),
)
"""The attributes that an inventory has besides if it compares two dates, in the order in which files hold them."""

EVENT_COLUMNS: tuple[Column, ...] = (
    Column(
        "event",
        "str",
        "",
        "Event",
        "Name of the event, from the event file or as the user gave it. Empty without one.",
        "Event",
    ),
    Column(
        "event_date",
        "str",
        "",
        "Date of the event",
        "The day of the event, or the first and the last with a stroke between. Empty if nobody gave it.",
        "Event",
        short_name="event_day",
    ),
    Column(
        "trigger",
        "str",
        "",
        "Trigger",
        "What set the landslides off, in the user's words. Empty if nobody gave it.",
        "Event",
    ),
    Column(
        "event_type",
        "str",
        "",
        "Type of the landslides",
        "In the words of the event file. Empty if it does not say.",
        "Event",
    ),
    Column(
        "units",
        "str",
        "",
        "Mapping units",
        "The units that it was taken from, the best observation first, with + between.",
        "Event",
    ),
    Column(
        "observed",
        "str",
        "",
        "Observed",
        "The day on which the best observation was taken. Empty if its scenes do not tell.",
        "Event",
    ),
    Column(
        "n_seen",
        "int32",
        "",
        "Units that see the ground",
        "Number of units that show the ground clearly, at a point inside the landslide.",
        "Event",
    ),
    Column(
        "n_found",
        "int32",
        "",
        "Units that found it",
        "Number of units in which a landslide was found that overlaps it.",
        "Event",
    ),
)
"""The attributes that the merged inventory of an event has besides, in the order in which files hold them; one of a
single run has the first three if its user says what happened."""

DTYPES: dict[str, str] = {column.name: column.dtype for column in COLUMNS}
"""The dtypes of an inventory's columns by their names, in order."""

CHANGE_DTYPES: dict[str, str] = {column.name: column.dtype for column in CHANGE_COLUMNS}
"""The dtypes of the columns that an inventory of two dates has besides."""

EVENT_DTYPES: dict[str, str] = {column.name: column.dtype for column in EVENT_COLUMNS}
"""The dtypes of the columns that the merged inventory of an event has besides."""

TERRAIN_COLUMNS: tuple[str, ...] = tuple(column.name for column in COLUMNS if column.group == "Terrain")
"""Names of the attributes that need a DEM."""

SHAPEFILE_NAMES: dict[str, str] = {
    column.name: column.short_name for column in (*COLUMNS, *CHANGE_COLUMNS, *EVENT_COLUMNS) if column.short_name
}
"""Names in shapefiles by name, of the attributes that have another one there."""
