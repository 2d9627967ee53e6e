"""Which of GDAL's drivers may open a raster: told by its name, and held against its content by the driver itself.

GDAL knows many formats that are no images: descriptions that name other files, services on the web, caches that are
written, programs that are run. A file's name does not keep its content from being one of them, so each kind of name has
its drivers. Descriptions are read only as VRT, and only where the name says so; `vrt` decides what they may name.
"""

from __future__ import annotations

from pathlib import Path

from l4s_geo.address import is_network

__all__ = ["IMAGES", "drivers_for", "is_image", "is_vrt", "stray_sidecar"]

IMAGES = ("GTiff", "JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID")
"""Drivers of images that hold all that they are: GeoTIFF and JPEG 2000. No other is tried over a network."""

_IMAGE_SUFFIXES = (".tif", ".tiff", ".jp2", ".j2k")
_OTHERS = (
    *("PNG", "JPEG", "WEBP", "BMP", "GIF", "HFA", "ENVI", "EHdr", "netCDF", "HDF5", "HDF5Image", "BAG", "GPKG", "GRIB"),
    *("AAIGrid", "GRASSASCIIGrid", "XYZ", "GSAG", "GSBG", "GS7BG", "SAGA", "RST", "BT", "SRTMHGT", "DTED", "USGSDEM"),
    *("HF2", "NGSGEOID", "NWT_GRD", "RMF", "ROI_PAC", "ISCE", "SIGDEM", "Terragen", "ZMap", "ERS", "RRASTER", "Zarr"),
)
_MAGIC = (
    *(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    *(b"\x89PNG\r\n", b"\xff\xd8\xff", b"EHFA_HEADER_TAG", b"\x89HDF\r\n", b"CDF\x01", b"CDF\x02", b"CDF\x05"),
)
_TIFF = _MAGIC[:4]
_HGT_BYTES = (1201 * 1201 * 2, 3601 * 3601 * 2)


def is_vrt(path: str) -> bool:
    """Tell by its name whether a local raster is a VRT."""
    return not is_network(path) and path.lower().endswith(".vrt")


def drivers_for(path: str) -> tuple[str, ...]:
    """Return the drivers that may open a raster, by its path or address."""
    if is_network(path) or path.lower().endswith(_IMAGE_SUFFIXES):
        return IMAGES
    return ("VRT",) if is_vrt(path) else (*IMAGES, *_OTHERS)


def is_image(path: Path) -> bool:
    """Tell by its content whether a file is an image that names no other file; elevations of SRTM (.hgt) count."""
    with path.open("rb") as file:
        start = file.read(16)
    elevations = path.suffix.lower() == ".hgt" and path.stat().st_size in _HGT_BYTES and start[:1] not in b"<{["
    return start.startswith(_MAGIC) or elevations


def stray_sidecar(path: str) -> Path | None:
    """Return a file beside a local raster that GDAL would take for its overviews or mask, but which is no TIFF."""
    if path.startswith("/vsi"):
        return None
    place = Path(path)
    for name in (f"{place.name}{suffix}" for suffix in (".ovr", ".msk", ".OVR", ".MSK")):
        beside = place.with_name(name)
        if beside.is_file():
            with beside.open("rb") as file:
                if not file.read(4).startswith(_TIFF):
                    return beside
    return None
