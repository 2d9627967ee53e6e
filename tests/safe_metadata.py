"""Composes the metadata of Sentinel-2 products in the SAFE format from a description, for tests without real data.

What is composed is a part of what a genuine product holds, element for element and in its order: what identifies
the product, its images, its radiometry, its tile and its sun. The form follows the processing baseline, as in the
Sentinel-2 Products Specification Document:

- before 02.04, Level-1C has the long names of 2015 and 2016 and lists its images by name alone;
- before 02.07, Level-2A is the pilot product "Level-2Ap", whose elements and images carry "2A" in their names;
- from 04.00 on, values have an offset, and Level-2A holds B1 at 20 m as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

BAND_IDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")
"""Bands by the number that the metadata give them."""

OFFSET = -1000
"""What is to be added to stored values from baseline 04.00 on."""

LEVEL_2A = {
    10: ("B2", "B3", "B4", "B8", "TCI", "AOT", "WVP"),
    20: ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8A", "B11", "B12", "TCI", "AOT", "WVP", "SCL"),
    60: ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8A", "B9", "B11", "B12", "TCI", "AOT", "WVP", "SCL"),
}
"""Level-2A's images by their pixel size in metres, in the order of the metadata."""


@dataclass(frozen=True)
class Product:
    """What the metadata of a product of one tile say; the defaults are of a current Level-2A product."""

    level: Literal["L1C", "L2A"] = "L2A"
    baseline: str = "05.09"
    tile: str = "T29UNU"
    epsg: int = 32629
    left: float = 499980
    top: float = 5900040
    """Corner of the tile, metres."""
    rows: int = 10980
    """Side of the tile, pixels of 10 m."""
    spacecraft: str = "2A"
    sensed: str = "2022-10-05T11:54:11.024Z"
    """Start of the datatake, ISO 8601."""
    strip: str = "20221005T115407"
    """Start of the datastrip."""
    generated: str = "20221005T164454"
    orbit: int = 38058
    relative_orbit: int = 23
    station: str = "ATOS"
    offsets: Mapping[str, int] | None = None
    """By band; None for the baseline's."""
    quantification: int = 10000
    sun: tuple[str, str] = ("57.820574357679", "172.840206897213")
    """Mean zenith and azimuth of the sun, degrees."""
    clouds: str = "59.769726"
    """Percentage of cloudy pixels."""
    sensing_time: str = "2022-10-05T11:56:49.581767Z"
    """When the tile was sensed, ISO 8601."""

    @property
    def long_names(self) -> bool:
        """Whether files are named as before December 2016."""
        return self.level == "L1C" and self.baseline < "02.04"

    @property
    def pilot(self) -> bool:
        """Whether it is a "Level-2Ap"."""
        return self.level == "L2A" and self.baseline < "02.07"

    @property
    def all_offsets(self) -> Mapping[str, int]:
        """Offsets by band; empty if there are none."""
        if self.offsets is not None:
            return self.offsets
        return dict.fromkeys(BAND_IDS, OFFSET) if self.baseline >= "04.00" else {}

    @property
    def start(self) -> str:
        """Start of the datatake as names have it, like "20221005T115411"."""
        return self.sensed[:19].replace("-", "").replace(":", "")

    def identifier(self, kind: str) -> str:
        """Return the identifier of the tile ("TL") or of the datastrip ("DS")."""
        what = f"A{self.orbit:06}_{self.tile}" if kind == "TL" else f"S{self.strip}"
        return (
            f"S{self.spacecraft}_OPER_MSI_{self.level}_{kind}_{self.station}_{self.generated}_{what}_N{self.baseline}"
        )

    @property
    def name(self) -> str:
        """The product's name, without ``.SAFE``."""
        baseline = self.baseline.replace(".", "")
        if self.long_names:
            return f"S{self.spacecraft}_OPER_PRD_MSI{self.level}_PDMC_{self.generated}_R{self.relative_orbit:03}"
        return (
            f"S{self.spacecraft}_MSI{self.level}_{self.start}_N{baseline}_R{self.relative_orbit:03}_{self.tile}"
            f"_{self.generated}"
        )

    @property
    def granule(self) -> str:
        """The name of the granule's folder."""
        return self.identifier("TL") if self.long_names else f"{self.level}_{self.tile}_A{self.orbit:06}_{self.strip}"

    @property
    def product_file(self) -> str:
        """Where the product metadata are, from the product's folder."""
        return f"{self.name.replace('PRD_MSI', 'MTD_SAF')}.xml" if self.long_names else f"MTD_MSI{self.level}.xml"

    @property
    def tile_file(self) -> str:
        """Where the tile's metadata are, from the product's folder."""
        long = self.granule.replace("_MSI_", "_MTD_").removesuffix(f"_N{self.baseline}")
        return f"GRANULE/{self.granule}/{long if self.long_names else 'MTD_TL'}.xml"

    def image(self, band: str, resolution: int = 0) -> str:
        """Where a band's image is, from the product's folder and without suffix.

        Args:
            band: canonical name, or that of another image ("SCL").
            resolution: pixel size in metres; Level-2A only.
        """
        text = f"B{band[1:]:0>2}" if band in BAND_IDS else band
        folder = f"GRANULE/{self.granule}/IMG_DATA"
        if self.long_names:
            return f"{folder}/{self.granule.removesuffix(f'_N{self.baseline}')}_{text}"
        if self.level == "L1C":
            return f"{folder}/{self.tile}_{self.start}_{text}"
        stem = f"{'L2A_' if self.pilot else ''}{self.tile}_{self.start}_{text}_{resolution}m"
        return f"{folder}/R{resolution}m/{stem}"

    @property
    def images(self) -> tuple[str, ...]:
        """Where all images are, in the order of the metadata."""
        if self.level == "L1C":
            return tuple(self.image(band) for band in (*BAND_IDS, *(() if self.long_names else ("TCI",))))
        first = {20: "B1"} if self.baseline < "04.00" else {}
        return tuple(
            self.image(name, size) for size, names in LEVEL_2A.items() for name in names if name != first.get(size)
        )


def write_metadata(product: Product, folder: Path) -> Path:
    """Write a product's metadata under a folder; return the product's folder."""
    root = folder / f"{product.name}.SAFE"
    for name, text in ((product.product_file, product_xml(product)), (product.tile_file, tile_xml(product))):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def product_xml(product: Product) -> str:
    """Compose ``MTD_MSIL1C.xml`` or ``MTD_MSIL2A.xml``."""
    prefix = "L2A_" if product.pilot else ""
    datatake = f"GS{product.spacecraft}_{product.start}_{product.orbit:06}_N{product.baseline}"
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-{product.level[1:]}_User_Product {_namespace(f"User_Product_Level-{product.level[1:]}")}>
    <n1:General_Info>
        <{prefix}Product_Info>
{_identity(product)}
            <Datatake datatakeIdentifier="{datatake}">
                <SPACECRAFT_NAME>Sentinel-{product.spacecraft}</SPACECRAFT_NAME>
                <DATATAKE_TYPE>INS-NOBS</DATATAKE_TYPE>
                <DATATAKE_SENSING_START>{product.sensed}</DATATAKE_SENSING_START>
                <SENSING_ORBIT_NUMBER>{product.relative_orbit}</SENSING_ORBIT_NUMBER>
                <SENSING_ORBIT_DIRECTION>DESCENDING</SENSING_ORBIT_DIRECTION>
            </Datatake>
            <{prefix}Product_Organisation>
                <Granule_List>
{_granule(product)}
                </Granule_List>
            </{prefix}Product_Organisation>
        </{prefix}Product_Info>
        <{prefix}Product_Image_Characteristics>
            <Special_Values>
                <SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT>
                <SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX>
            </Special_Values>
{_radiometry(product)}
        </{prefix}Product_Image_Characteristics>
    </n1:General_Info>
    <n1:Quality_Indicators_Info>
        <Cloud_Coverage_Assessment>{product.clouds}</Cloud_Coverage_Assessment>
    </n1:Quality_Indicators_Info>
</n1:Level-{product.level[1:]}_User_Product>
"""


def _namespace(schema: str) -> str:
    return f'xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/{schema}.xsd"'


def _identity(product: Product) -> str:
    uri = "" if product.long_names else f"<PRODUCT_URI>{product.name}.SAFE</PRODUCT_URI>"
    if product.pilot:
        source = product.name.replace("MSIL2A", "MSIL1C")
        uri = f"<PRODUCT_URI_1C>{source}.SAFE</PRODUCT_URI_1C><PRODUCT_URI_2A>{product.name}.SAFE</PRODUCT_URI_2A>"
    suffix = f"{product.level[1:]}{'p' if product.pilot else ''}"
    return f"""\
            <PRODUCT_START_TIME>{product.sensed}</PRODUCT_START_TIME>
            <PRODUCT_STOP_TIME>{product.sensed}</PRODUCT_STOP_TIME>
            {uri}
            <PROCESSING_LEVEL>Level-{suffix}</PROCESSING_LEVEL>
            <PRODUCT_TYPE>S2MSI{suffix}</PRODUCT_TYPE>
            <PROCESSING_BASELINE>{product.baseline}</PROCESSING_BASELINE>"""


def _granule(product: Product) -> str:
    tag = "Granules" if product.long_names else "Granule"
    image = "IMAGE_ID" if product.long_names else "IMAGE_FILE_2A" if product.pilot else "IMAGE_FILE"
    names = (path.rpartition("/")[2] if product.long_names else path for path in product.images)
    entries = "\n".join(f"                        <{image}>{name}</{image}>" for name in names)
    identifiers = f'datastripIdentifier="{product.identifier("DS")}" granuleIdentifier="{product.identifier("TL")}"'
    return f"""\
                    <{tag} {identifiers} imageFormat="JPEG2000">
{entries}
                    </{tag}>"""


def _radiometry(product: Product) -> str:
    value = product.quantification
    if product.level == "L1C":
        lines = [f'<QUANTIFICATION_VALUE unit="none">{value}</QUANTIFICATION_VALUE>']
        group, tag = "Radiometric_Offset_List", "RADIO_ADD_OFFSET"
    else:
        listing, prefix = "QUANTIFICATION_VALUES_LIST", ""
        if product.pilot:
            listing, prefix = "L1C_L2A_Quantification_Values_List", "L2A_"
        values = (("BOA", "none", value), ("AOT", "none", "1000.0"), ("WVP", "cm", "1000.0"))
        tags = [(f"{prefix}{kind}_QUANTIFICATION_VALUE", unit, number) for kind, unit, number in values]
        if product.pilot:
            tags.insert(0, ("L1C_TOA_QUANTIFICATION_VALUE", "none", 10000))
        inner = [f'    <{tag} unit="{unit}">{number}</{tag}>' for tag, unit, number in tags]
        lines = [f"<{listing}>", *inner, f"</{listing}>"]
        group, tag = "BOA_ADD_OFFSET_VALUES_LIST", "BOA_ADD_OFFSET"
    if product.all_offsets:
        entries = product.all_offsets.items()
        inner = [f'    <{tag} band_id="{BAND_IDS.index(band)}">{offset}</{tag}>' for band, offset in entries]
        lines += [f"<{group}>", *inner, f"</{group}>"]
    return "\n".join(f"            {line}" for line in lines)


def tile_xml(product: Product) -> str:
    """Compose ``MTD_TL.xml``."""
    tiles = "\n".join(
        f"""\
      <Size resolution="{size}">
        <NROWS>{product.rows * 10 // size}</NROWS>
        <NCOLS>{product.rows * 10 // size}</NCOLS>
      </Size>"""
        for size in LEVEL_2A
    )
    positions = "\n".join(
        f"""\
      <Geoposition resolution="{size}">
        <ULX>{product.left!r}</ULX>
        <ULY>{product.top!r}</ULY>
        <XDIM>{size}</XDIM>
        <YDIM>-{size}</YDIM>
      </Geoposition>"""
        for size in LEVEL_2A
    )
    hemisphere = "N" if product.epsg < 32700 else "S"
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-{product.level[1:]}_Tile_ID {_namespace(f"S2_PDI_Level-{product.level[1:]}_Tile_Metadata")}>
  <n1:General_Info>
    <TILE_ID metadataLevel="Brief">{product.identifier("TL")}</TILE_ID>
    <DATASTRIP_ID metadataLevel="Standard">{product.identifier("DS")}</DATASTRIP_ID>
    <DOWNLINK_PRIORITY metadataLevel="Standard">NOMINAL</DOWNLINK_PRIORITY>
    <SENSING_TIME metadataLevel="Standard">{product.sensing_time}</SENSING_TIME>
  </n1:General_Info>
  <n1:Geometric_Info>
    <Tile_Geocoding metadataLevel="Brief">
      <HORIZONTAL_CS_NAME>WGS84 / UTM zone {product.epsg % 100:02}{hemisphere}</HORIZONTAL_CS_NAME>
      <HORIZONTAL_CS_CODE>EPSG:{product.epsg}</HORIZONTAL_CS_CODE>
{tiles}
{positions}
    </Tile_Geocoding>
    <Tile_Angles metadataLevel="Standard">
      <Mean_Sun_Angle>
        <ZENITH_ANGLE unit="deg">{product.sun[0]}</ZENITH_ANGLE>
        <AZIMUTH_ANGLE unit="deg">{product.sun[1]}</AZIMUTH_ANGLE>
      </Mean_Sun_Angle>
    </Tile_Angles>
  </n1:Geometric_Info>
  <n1:Quality_Indicators_Info metadataLevel="Standard">
    <Image_Content_QI>
      <CLOUDY_PIXEL_PERCENTAGE>{product.clouds}</CLOUDY_PIXEL_PERCENTAGE>
    </Image_Content_QI>
  </n1:Quality_Indicators_Info>
</n1:Level-{product.level[1:]}_Tile_ID>
"""
