"""The STAC APIs that a search knows by name, with what their collections are called.

What they answer is written down from their documentation in tests/l4s_geo/events/fixtures. Any other STAC API is given
by its address, with the names of its collections if they differ from the usual ones.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

from l4s_geo.address import is_url, shown
from l4s_geo.errors import EventError

__all__ = ["APIS", "DEFAULT_API", "Api", "check_credentials", "check_signing", "find_api"]

DEFAULT_API = "earth-search"


@dataclass(frozen=True)
class Api:
    """A STAC API."""

    url: str
    """Its landing page."""
    scenes: str = "sentinel-2-l2a"
    """Its collection of Sentinel-2 scenes, Level-2A."""
    elevation: str = "cop-dem-glo-30"
    """Its collection of the Copernicus DEM, 30 m."""

    @property
    def name(self) -> str:
        """Its address as it may be said."""
        return shown(self.url)


APIS = {
    "earth-search": Api("https://earth-search.aws.element84.com/v1"),
    "planetary-computer": Api("https://planetarycomputer.microsoft.com/api/stac/v1"),
    "cdse": Api("https://stac.dataspace.copernicus.eu/v1", elevation="cop-dem-glo-30-dged-cog"),
}
"""The APIs known by name: Element 84's Earth Search, Microsoft's Planetary Computer, the Copernicus Data Space."""

_CDSE_BUCKET = "/vsis3/eodata/"
_ELSEWHERE = ("AWS_PROFILE", "AWS_NO_SIGN_REQUEST", "AWS_ROLE_ARN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
"""Variables that say where GDAL has credentials from, or that it needs none."""


def find_api(name: str, scenes: str | None = None, elevation: str | None = None) -> Api:
    """Return an API by name or address.

    Args:
        name: one of `APIS`, or an http(s) address.
        scenes: its collection of scenes, if not the usual one.
        elevation: its collection of elevations, likewise.

    Raises:
        EventError: it is neither.
    """
    if not is_url(name) and name not in APIS:
        near = get_close_matches(name.lower(), APIS, 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else f"expected {', '.join(APIS)}, or an http(s) address."
        raise EventError(f"There is no STAC API {name!r}; {hint}")
    api = APIS.get(name) or Api(name)
    return Api(api.url, scenes or api.scenes, elevation or api.elevation)


def check_signing(api: Api) -> None:
    """Check that the images of an API can be signed, if they have to be.

    Raises:
        EventError: the package that does it is not installed.
    """
    if api.url == APIS["planetary-computer"].url and find_spec("planetary_computer") is None:
        raise EventError(
            "The images of the Planetary Computer are read with signed addresses, and the package that signs them is "
            "not installed; install the extra planetary (pip install 'l4s-geo[planetary]'), or search another API "
            "(--api)."
        )


def check_credentials(path: str) -> None:
    """Check that there are credentials for a file in S3, or that its user says it needs none.

    Args:
        path: what GDAL opens.

    Raises:
        EventError: there are none; it names them and where to put them.
    """
    if not path.startswith("/vsis3/") or any(os.environ.get(name) for name in _ELSEWHERE):
        return
    needed = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    if Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or Path.home() / ".aws" / "credentials").is_file():
        needed = []
    at_cdse = path.startswith(_CDSE_BUCKET)
    if at_cdse:
        needed.append("AWS_S3_ENDPOINT")
    missing = [name for name in needed if not os.environ.get(name)]
    if not missing:
        return
    bucket = path.removeprefix("/vsis3/").partition("/")[0]
    keys = " (make keys at https://eodata-s3keysmanager.dataspace.copernicus.eu; the endpoint is "
    keys = f"{keys}eodata.dataspace.copernicus.eu)" if at_cdse else ""
    raise EventError(
        f"The images lie in the bucket {bucket} in S3, and the environment has no {' and no '.join(missing)}; set "
        f"{'it' if len(missing) == 1 else 'them'} in the environment of the command{keys}, or search an API that needs "
        "no credentials (--api earth-search)."
    )
